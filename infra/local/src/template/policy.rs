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
    /// The partitions of the table that it is about, `*` standing for anything; None for all.
    pub partitions: Option<Vec<String>>,
}

impl Statement {
    /// A call that does not name its partition is not one on any of those that are named here.
    pub fn allows(&self, action: &str, resource: &str, partition: Option<&str>) -> bool {
        let within = |patterns: &Vec<String>| {
            partition.is_some_and(|partition| patterns.iter().any(|pattern| is_like(partition, pattern)))
        };
        let named = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => resource.starts_with(beginning),
            None => pattern == resource,
        };
        self.actions.iter().any(|allowed| allowed == action)
            && self.resources.iter().any(named)
            && self.partitions.as_ref().is_none_or(within)
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], after))
        }),
    }
}

/// Reads all statements of a function. Nothing but plain permissions is understood, and the partitions of the table that
/// they may be limited to: another condition or a denial that was overlooked would allow more here than in the cloud.
pub(super) fn read(properties: &Node<'_>) -> Result<Vec<Statement>, TemplateError> {
    let mut statements = Vec::new();
    let Some(policies) = properties.field("Policies") else { return Ok(statements) };
    for policy in policies.items()? {
        policy.only(&["Version", "Statement"])?;
        for statement in policy.required("Statement")?.items()? {
            statement.only(&["Effect", "Action", "Resource", "Condition"])?;
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
                partitions: statement
                    .field("Condition")
                    .map(|condition| partitions(&condition))
                    .transpose()?,
            });
        }
    }
    Ok(statements)
}

fn partitions(condition: &Node<'_>) -> Result<Vec<String>, TemplateError> {
    const LIKE: &str = "ForAllValues:StringLike";
    const KEYS: &str = "dynamodb:LeadingKeys";
    condition.only(&[LIKE])?;
    let like = condition.required(LIKE)?;
    like.only(&[KEYS])?;
    like.required(KEYS)?.list()?.iter().map(Node::text).collect()
}

fn action(node: &Node<'_>) -> Result<String, TemplateError> {
    let action = node.text()?;
    if action.contains('*') { Err(node.wrong("one action by its whole name")) } else { Ok(action) }
}
