//! How the fields of requests look: types that nothing is made of, for the structs that describe bodies and queries.

use std::borrow::Cow;
use std::marker::PhantomData;

use domain::json::MOST_METADATA;
use domain::rule::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Printable: no control characters, and no white space around.
const PRINTABLE: &str = "^[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]\
    ([^\\u0000-\\u001f\\u007f-\\u009f]*\
    [^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000])?$";

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $(<$($size:ident),+>)? => $schema:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Default)]
            pub struct $name $(<$(const $size: i64),+>)?;

            impl $(<$(const $size: i64),+>)? JsonSchema for $name $(<$($size),+>)? {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )+
    };
}

fields! {
    /// 1 to `MOST` printable characters.
    Text<MOST> => json_schema!({"type": "string", "minLength": 1, "maxLength": MOST, "pattern": PRINTABLE});

    /// An id or code: 1 to 128 printable characters, or a number that stands for its digits.
    Id => json_schema!({
        "type": ["string", "number"], "minLength": 1, "maxLength": 128, "pattern": PRINTABLE,
        "x-rules": [Rule::IdLength],
    });

    /// The value of an identifier, as its type has it.
    IdentifierValue => json_schema!({
        "type": ["string", "number"], "minLength": 1, "x-rules": [Rule::IdentifierOfType],
    });

    /// A channel, in any case.
    ChannelName => json_schema!({"type": "string", "pattern": "^[A-Za-z0-9_]{1,32}$", "examples": ["call"]});

    /// A time with an offset that has passed.
    PastMoment => json_schema!({
        "type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00Z"],
        "x-rules": [Rule::NotInFuture, Rule::NotBefore2000],
    });

    /// A whole number, also in a string.
    Whole<LEAST, MOST> => json_schema!({
        "type": ["integer", "string"], "minimum": LEAST, "maximum": MOST, "pattern": "^-?[0-9]+(\\.0+)?$",
        "x-rules": [Rule::WithinRange],
    });

    /// A number from 0 to 1, also in a string.
    Probability => json_schema!({
        "type": ["number", "string"], "minimum": 0, "maximum": 1, "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
        "examples": [0.85], "x-rules": [Rule::WithinRange],
    });

    /// An amount in its currency's units, read exactly from its text.
    Decimal => json_schema!({
        "type": ["number", "string"], "minimum": 0, "maximum": 1_000_000_000_000_000_i64,
        "pattern": "^[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$", "examples": [5000],
        "x-rules": [Rule::PlacesOfCurrency, Rule::AmountLimit],
    });

    /// The same, negative where it pays something back.
    SignedDecimal => json_schema!({
        "type": ["number", "string"], "minimum": -1_000_000_000_000_000_i64, "maximum": 1_000_000_000_000_000_i64,
        "pattern": "^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$", "examples": [5000],
        "x-rules": [Rule::PlacesOfCurrency, Rule::AmountLimit, Rule::NegativePaysBack],
    });

    /// Any object, kept as it is.
    FreeObject => json_schema!({
        "type": "object", "x-rules": [Rule::SizeLimit], "description": format!("Up to {MOST_METADATA} bytes"),
    });

    /// A value that is looked for as it stands.
    Wanted => json_schema!({"type": "string", "minLength": 1});

    /// An interaction by any of its ids.
    InteractionId => json_schema!({"type": "string", "pattern": "^(int_|ext:)", "examples": ["ext:convin:call-123"]});

    /// How many entries a page has; 50 unless given.
    Limit => json_schema!({
        "type": "integer", "minimum": 1, "maximum": crate::query::MOST_LIMIT, "default": crate::query::DEFAULT_LIMIT,
    });

    /// The `next_cursor` of the page before; empty or absent for the first page.
    NextCursor => json_schema!({"type": "string", "x-rules": [Rule::OwnCursor]});

    /// `TYPE:VALUE`.
    TypedIdentifier => json_schema!({
        "type": "string", "pattern": "^(customer_id|lead_id|email|phone):[\\s\\S]*$",
        "examples": ["email:ann@example.com"], "x-rules": [Rule::IdentifierOfType],
    });
}

/// What should be an entry of a batch. What is none is refused by itself, and stops none of the others.
#[derive(Debug)]
pub struct Item<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Item<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Item".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An entry of another form is refused by itself, in `results`",
            "anyOf": [generator.subschema_for::<T>(), true],
        })
    }
}

/// No field at all: the body may be left out.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Nothing {}

/// Whole days of the tenant's time zone, both included.
#[derive(Debug, JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
pub struct Days {
    /// The first day, in the tenant's time zone
    pub start_date: Option<domain::time::Day>,
    /// The last day
    pub end_date: Option<domain::time::Day>,
}

/// A page of a list.
#[derive(Debug, JsonSchema)]
pub struct Page {
    /// How many entries a page has
    pub limit: Option<Limit>,
    /// `next_cursor` of the page before; empty or absent for the first page
    pub cursor: Option<NextCursor>,
}
