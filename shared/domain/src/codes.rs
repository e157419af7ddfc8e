//! Closed sets whose members clients name by a code.

/// An enum with its codes, which are its members' names in snake case: written so, read in any case.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $member:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$about])* $member,)+ }

        impl $name {
            pub const CODES: &[&str] = &[$($code,)+];
            pub const ALL: &[$name] = &[$($name::$member,)+];

            pub const fn code(self) -> &'static str {
                match self { $($name::$member => $code,)+ }
            }

            /// Reads a code in any case.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.code().eq_ignore_ascii_case(text))
            }
        }
    };
}

pub(crate) use codes;
