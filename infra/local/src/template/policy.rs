//! What a function may do.

use super::TemplateError;
use super::node::Node;

/// Some actions on some resources that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `dynamodb:GetItem`
    pub actions: Vec<String>,
    /// ARNs; one that ends in `*` stands for all that begin like it.
    pub resources: Vec<String>,
}

impl Statement {
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        let named = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => resource.starts_with(beginning),
            None => pattern == resource,
        };
        self.actions.iter().any(|allowed| allowed == action) && self.resources.iter().any(named)
    }
}

/// Reads all statements of a function. Nothing but plain permissions is understood: a condition or a denial that was
/// overlooked would allow more here than in the cloud.
pub(super) fn read(properties: &Node<'_>) -> Result<Vec<Statement>, TemplateError> {
    let mut statements = Vec::new();
    let Some(policies) = properties.field("Policies") else { return Ok(statements) };
    for policy in policies.items()? {
        policy.only(&["Version", "Statement"])?;
        for statement in policy.required("Statement")?.items()? {
            statement.only(&["Effect", "Action", "Resource"])?;
            let effect = statement.required("Effect")?;
            if effect.text()? != "Allow" {
                return Err(effect.wrong("Allow"));
            }
            statements.push(Statement {
                actions: statement
                    .required("Action")?
                    .list()?
                    .iter()
                    .map(action)
                    .collect::<Result<_, _>>()?,
                resources: statement
                    .required("Resource")?
                    .list()?
                    .iter()
                    .map(Node::arn)
                    .collect::<Result<_, _>>()?,
            });
        }
    }
    Ok(statements)
}

fn action(node: &Node<'_>) -> Result<String, TemplateError> {
    let action = node.text()?;
    if action.contains('*') { Err(node.wrong("one action by its whole name")) } else { Ok(action) }
}
