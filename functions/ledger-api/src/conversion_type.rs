//! The types of conversions that this interface knows, and what we call them.

use schemars::JsonSchema;

macro_rules! kinds {
    ($($member:ident = $code:literal, $event_type:literal;)+) => {
        /// What a lead did.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
        #[schemars(rename = "ConversionType", rename_all = "snake_case")]
        pub(crate) enum Kind { $($member,)+ }

        impl Kind {
            const ALL: &[Kind] = &[$(Kind::$member,)+];
            pub(crate) const CODES: &[&str] = &[$($code,)+];

            pub(crate) const fn code(self) -> &'static str {
                match self { $(Kind::$member => $code,)+ }
            }

            /// What it is called everywhere else.
            pub(crate) const fn event_type(self) -> &'static str {
                match self { $(Kind::$member => $event_type,)+ }
            }
        }
    };
}

kinds! {
    Sale = "sale", "purchase";
    Signup = "signup", "signup";
    QuoteRequest = "quote_request", "quote_request";
    PolicyBound = "policy_bound", "policy_bound";
    Renewal = "renewal", "renewal";
}

impl Kind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code().eq_ignore_ascii_case(text))
    }

    /// What an event is called here; one that this interface does not know keeps its name.
    pub(crate) fn name_of(event_type: &str) -> String {
        let known = Self::ALL.iter().find(|kind| kind.event_type().eq_ignore_ascii_case(event_type));
        known.map_or(event_type, |kind| kind.code()).to_owned()
    }
}
