//! Lists of small rows that are only ever read and written whole.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list that is stored as its JSON text: half as large as nested attributes, and read several times as fast, since
/// neither the table nor the SDK looks into it. One that was stored as a list of attributes is read too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packed<T>(pub(crate) T);

impl<T: Serialize> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(&self.0).map_err(S::Error::custom)?)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrList(PhantomData))
    }
}

struct TextOrList<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for TextOrList<T> {
    type Value = Packed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or its JSON text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Packed<T>, E> {
        serde_json::from_str(text).map(Packed).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Packed<T>, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(list)).map(Packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whichever_way_it_was_stored() {
        let rows = vec![("agent-1".to_owned(), 12_i64), ("\"quoted\"".to_owned(), -3)];
        let text =
            serde_dynamo::to_attribute_value::<_, aws_sdk_dynamodb::types::AttributeValue>(Packed(&rows));
        let text = text.unwrap();
        assert!(text.is_s());
        let list: aws_sdk_dynamodb::types::AttributeValue = serde_dynamo::to_attribute_value(&rows).unwrap();
        assert!(list.is_l());
        for stored in [text, list] {
            let read: Packed<Vec<(String, i64)>> = serde_dynamo::from_attribute_value(stored).unwrap();
            assert_eq!(read.0, rows);
        }
    }
}
