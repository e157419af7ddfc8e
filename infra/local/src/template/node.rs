//! A place in the template: knows where it stands, for errors, and what the intrinsics in it mean here.

use std::collections::BTreeMap;

use proxy::{ACCOUNT, REGION};
use serde_yaml_ng::Value;
use serde_yaml_ng::value::TaggedValue;

use super::{Setting, TemplateError};

/// What a template calls its stack, account and region; there is one of each here.
const PSEUDO_PARAMETERS: [(&str, &str); 5] = [
    ("AWS::AccountId", ACCOUNT),
    ("AWS::Partition", "aws"),
    ("AWS::Region", REGION),
    ("AWS::StackName", "crae"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// What the names in a template stand for.
pub(super) struct Names<'a> {
    parameters: BTreeMap<&'a str, String>,
    resources: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Names<'a> {
    pub(super) fn read(
        document: &'a Value,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let mut names =
            Self { parameters: BTreeMap::new(), resources: mapping(document, "Resources").collect() };
        for (name, parameter) in mapping(document, "Parameters") {
            let default = || parameter.get("Default").and_then(plain);
            let value = overrides.get(name).cloned().or_else(default);
            let value = value.ok_or_else(|| TemplateError::Missing {
                at: format!("Parameters.{name}"),
                name: "Default".to_owned(),
            })?;
            names.parameters.insert(name, value);
        }
        match overrides.keys().find(|name| !names.parameters.contains_key(name.as_str())) {
            Some(name) => Err(TemplateError::UnknownName { at: "Parameters".to_owned(), name: name.clone() }),
            None => Ok(names),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let pseudo = PSEUDO_PARAMETERS.iter().find(|(known, _)| *known == name);
        pseudo.map(|(_, value)| *value).or_else(|| self.parameters.get(name).map(String::as_str))
    }

    fn is_queue(&self, name: &str) -> bool {
        self.is(name, "AWS::SQS::Queue")
    }

    fn is_table(&self, name: &str) -> bool {
        self.is(name, "AWS::DynamoDB::Table")
    }

    fn is_bucket(&self, name: &str) -> bool {
        self.is(name, "AWS::S3::Bucket")
    }

    fn is(&self, name: &str, kind: &str) -> bool {
        let resource = self.resources.get(name);
        resource.and_then(|resource| resource.get("Type")) == Some(&kind.into())
    }
}

fn mapping<'a>(document: &'a Value, section: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let entries = document.get(section).and_then(Value::as_mapping);
    entries.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str()?, value)))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

pub(super) struct Node<'a> {
    at: String,
    value: &'a Value,
    names: &'a Names<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(document: &'a Value, names: &'a Names<'a>) -> Self {
        Self { at: "template.yaml".to_owned(), value: document, names }
    }

    pub(super) fn at(&self) -> &str {
        &self.at
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        Self { at: format!("{}.{name}", self.at), value, names: self.names }
    }

    pub(super) fn missing(&self, name: &str) -> TemplateError {
        TemplateError::Missing { at: self.at.clone(), name: name.to_owned() }
    }

    pub(super) fn wrong(&self, expected: &'static str) -> TemplateError {
        TemplateError::Wrong { at: self.at.clone(), expected }
    }

    fn unknown_intrinsic(&self, name: &str) -> TemplateError {
        TemplateError::UnknownIntrinsic { at: self.at.clone(), name: name.to_owned() }
    }

    fn unknown_name(&self, name: &str) -> TemplateError {
        TemplateError::UnknownName { at: self.at.clone(), name: name.to_owned() }
    }

    pub(super) fn field(&self, name: &str) -> Option<Self> {
        self.value.get(name).map(|value| self.child(name, value))
    }

    pub(super) fn required(&self, name: &str) -> Result<Self, TemplateError> {
        self.field(name).ok_or_else(|| self.missing(name))
    }

    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Self)>, TemplateError> {
        let mapping = self.value.as_mapping().ok_or_else(|| self.wrong("a mapping"))?;
        mapping
            .iter()
            .map(|(name, value)| {
                let name = name.as_str().ok_or_else(|| self.wrong("a mapping by names"))?;
                Ok((name, self.child(name, value)))
            })
            .collect()
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, TemplateError> {
        let items = self.value.as_sequence().ok_or_else(|| self.wrong("a list"))?;
        let items = items.iter().enumerate();
        Ok(items.map(|(index, value)| self.child(&index.to_string(), value)).collect())
    }

    /// Refuses properties that nothing here gives a meaning to.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), TemplateError> {
        match self.entries()?.iter().find(|(name, _)| !known.contains(name)) {
            Some((name, _)) => {
                Err(TemplateError::UnknownProperty { at: self.at.clone(), name: (*name).to_owned() })
            }
            None => Ok(()),
        }
    }

    fn intrinsic(&self) -> Option<(&'static str, &'a str)> {
        let Value::Tagged(tagged) = self.value else { return None };
        intrinsic(tagged)
    }

    pub(super) fn text(&self) -> Result<String, TemplateError> {
        match self.intrinsic() {
            Some(("Ref", name)) => self.parameter(name),
            Some(("Sub", pattern)) => self.substitute(pattern),
            _ => plain(self.value).ok_or_else(|| self.wrong("a text that is known by now")),
        }
    }

    pub(super) fn number<N: TryFrom<u64>>(&self) -> Result<N, TemplateError> {
        let number = self.text()?.parse().ok();
        number.and_then(|number: u64| N::try_from(number).ok()).ok_or_else(|| self.wrong("a whole number"))
    }

    /// The value of an environment variable: a text, the name of the table or of a bucket, or the URL of a queue.
    pub(super) fn setting(&self) -> Result<Setting, TemplateError> {
        match self.intrinsic() {
            Some(("Ref", name)) if self.names.parameter(name).is_none() => {
                let physical = self.physical_name(name)?;
                Ok(if self.names.is_queue(name) {
                    Setting::QueueUrl(physical)
                } else {
                    Setting::Text(physical)
                })
            }
            _ => self.text().map(Setting::Text),
        }
    }

    /// The name of the queue whose ARN stands here.
    pub(super) fn queue(&self) -> Result<String, TemplateError> {
        let name = match self.intrinsic() {
            Some(("GetAtt", attribute)) => attribute.strip_suffix(".Arn"),
            _ => None,
        };
        match name {
            Some(name) if self.names.is_queue(name) => self.physical_name(name),
            Some(name) => Err(self.unknown_name(name)),
            None => Err(self.wrong("the ARN of a queue of this template, by !GetAtt")),
        }
    }

    /// The texts of a list, or the one that stands alone.
    pub(super) fn list(&self) -> Result<Vec<Self>, TemplateError> {
        if self.value.is_sequence() {
            return self.items();
        }
        Ok(vec![Self { at: self.at.clone(), value: self.value, names: self.names }])
    }

    /// An ARN: of a resource by `!GetAtt`, or put together from such by `!Sub`.
    pub(super) fn arn(&self) -> Result<String, TemplateError> {
        match self.intrinsic() {
            Some(("GetAtt", attribute)) => self.attribute(attribute),
            Some(("Sub", pattern)) => self.substitute(pattern),
            _ => Err(self.wrong("the ARN of something in this template")),
        }
    }

    /// `Table.Arn`
    fn attribute(&self, attribute: &str) -> Result<String, TemplateError> {
        let name = attribute.strip_suffix(".Arn").ok_or_else(|| self.unknown_name(attribute))?;
        let physical = self.physical_name(name)?;
        if self.names.is_queue(name) {
            Ok(crate::sqs::arn(&physical))
        } else if self.names.is_table(name) {
            Ok(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{physical}"))
        } else if self.names.is_bucket(name) {
            Ok(format!("arn:aws:s3:::{physical}"))
        } else {
            Err(self.unknown_name(attribute))
        }
    }

    /// Refuses anything but the stream of the table.
    pub(super) fn stream(&self) -> Result<(), TemplateError> {
        match self.intrinsic() {
            Some(("GetAtt", attribute))
                if attribute.strip_suffix(".StreamArn").is_some_and(|name| self.names.is_table(name)) =>
            {
                Ok(())
            }
            _ => Err(self.wrong("the stream of the table of this template, by !GetAtt")),
        }
    }

    /// What the resource is called at run time: as it says, else as CloudFormation would begin its name.
    pub(super) fn physical_name(&self, resource: &str) -> Result<String, TemplateError> {
        let Some(found) = self.names.resources.get(resource) else {
            return Err(self.unknown_name(resource));
        };
        let properties = found.get("Properties");
        let given = ["QueueName", "TableName"].iter().find_map(|name| properties?.get(name));
        match given {
            Some(given) => self.child(resource, given).text(),
            // Buckets alone have no capitals in their names.
            None if self.names.is_bucket(resource) => Ok(format!("crae-{}", resource.to_lowercase())),
            None => Ok(format!("crae-{resource}")),
        }
    }

    fn parameter(&self, name: &str) -> Result<String, TemplateError> {
        let value = self.names.parameter(name).map(str::to_owned);
        value.ok_or_else(|| self.unknown_name(name))
    }

    fn substitute(&self, pattern: &str) -> Result<String, TemplateError> {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| self.wrong("closed with }"))?;
            text.push_str(before);
            text.push_str(&if name.contains('.') { self.attribute(name)? } else { self.parameter(name)? });
            rest = after;
        }
        Ok(text + rest)
    }

    /// Refuses intrinsics other than `!Ref`, `!GetAtt` and `!Sub`, wherever they stand.
    pub(super) fn check_intrinsics(&self) -> Result<(), TemplateError> {
        match self.value {
            Value::Tagged(tagged) => match intrinsic(tagged) {
                Some(_) => Ok(()),
                None => Err(self.unknown_intrinsic(&tagged.tag.to_string())),
            },
            Value::Mapping(_) => self.entries()?.iter().try_for_each(|(name, node)| {
                if *name == "Ref" || name.starts_with("Fn::") {
                    return Err(self.unknown_intrinsic(name));
                }
                node.check_intrinsics()
            }),
            Value::Sequence(_) => self.items()?.iter().try_for_each(Node::check_intrinsics),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }
}

/// The name and the argument of an intrinsic that the local stack knows.
fn intrinsic(tagged: &TaggedValue) -> Option<(&'static str, &str)> {
    let known = ["Ref", "GetAtt", "Sub"];
    let name = known.into_iter().find(|known| tagged.tag == *known)?;
    Some((name, tagged.value.as_str()?))
}
