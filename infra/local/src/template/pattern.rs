//! Which events a mapping lets through: the part of EventBridge's patterns that our template uses.

use serde_json::Value;

/// An object of objects that ends in lists of texts, one of which the event must have there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Value);

impl Pattern {
    /// None for anything that is not understood here, such as prefixes and numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let pattern: Value = serde_json::from_str(text).ok()?;
        (pattern.is_object() && is_understood(&pattern)).then_some(Self(pattern))
    }

    pub fn matches(&self, event: &Value) -> bool {
        matches(&self.0, event)
    }
}

fn is_understood(pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_understood),
        Value::Array(texts) => !texts.is_empty() && texts.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Where the event holds a list, one of its entries is enough.
fn matches(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().all(|(name, pattern)| event.get(name).is_some_and(|value| matches(pattern, value)))
        }
        (Value::Array(_), Value::Array(values)) => values.iter().any(|value| matches(pattern, value)),
        (Value::Array(texts), value) => texts.contains(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_matches_if_it_has_one_of_the_texts_in_every_place() {
        let pattern =
            Pattern::parse(r#"{"dynamodb":{"Keys":{"sk":{"S":["INT","CNV"]}}},"eventName":["INSERT"]}"#);
        let event =
            |sk: &str, name: &str| json!({"dynamodb":{"Keys":{"sk":{"S":sk}}},"eventName":name,"more":1});
        let pattern = pattern.unwrap();
        assert!(pattern.matches(&event("INT", "INSERT")) && pattern.matches(&event("CNV", "INSERT")));
        assert!(!pattern.matches(&event("TENANT", "INSERT")) && !pattern.matches(&event("INT", "MODIFY")));
        assert!(!pattern.matches(&json!({"eventName":"INSERT"})));
    }

    #[test]
    fn what_is_not_understood_is_no_pattern() {
        for text in
            ["", "[]", "{}", r#"{"a":[]}"#, r#"{"a":"b"}"#, r#"{"a":[{"prefix":"b"}]}"#, r#"{"a":[1]}"#]
        {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }
}
