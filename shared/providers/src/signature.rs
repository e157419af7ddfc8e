//! `X-Webhook-Signature`: HMAC-SHA256 of the raw body, in hex or base64, with or without `sha256=` before it.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::delivery::Delivery;
use crate::provider::Provider;
use crate::verified::{Rejected, Verified};

const HEADER: &str = "x-webhook-signature";
const PREFIX: &str = "sha256=";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// So many MACs are computed at least: a tenant's two active secrets, or none, take the same time.
const LEAST_COMPUTED: usize = 2;

/// The active secrets of a tenant and provider. They are never printed.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Empty secrets are dropped: everybody knows them.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self(secrets.into_iter().filter(|secret| !secret.is_empty()).collect())
    }

    /// Every secret, and made-up ones that never match where there are fewer than [`LEAST_COMPUTED`].
    pub(crate) fn padded(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let active = self.0.iter().map(|secret| (secret.as_bytes(), true));
        let missing = LEAST_COMPUTED.saturating_sub(self.0.len());
        active.chain(std::iter::repeat_n((&b"nobody's secret"[..], false), missing))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

pub(crate) fn verify<'a>(
    provider: Provider,
    delivery: &'a Delivery<'_>,
    secrets: &Secrets,
) -> Result<Verified<'a>, Rejected> {
    let given = given(delivery).ok_or(Rejected::Unsigned)?;
    Verified::by_hmac_sha256(provider, delivery.body(), &given, secrets)
}

/// The one signature that was sent. Gateways join repeated headers with commas; two that differ are none, since
/// whoever forwarded the request may have checked the other.
fn given(delivery: &Delivery<'_>) -> Option<[u8; 32]> {
    let mut one = None;
    for value in delivery.header(HEADER) {
        for text in std::str::from_utf8(value).ok()?.split(',').map(str::trim) {
            if one.is_some_and(|one| one != text) {
                return None;
            }
            one = Some(text);
        }
    }
    decoded(one?)
}

fn decoded(text: &str) -> Option<[u8; 32]> {
    let text = match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => text,
    };
    let bytes = hex::decode(text).or_else(|_| BASE64.decode(text)).ok()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_as_hex_in_any_case_and_as_base64_padded_or_not() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).unwrap());
        let hex = hex::encode(bytes);
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        let unpadded = base64.trim_end_matches('=');
        for text in [&*hex, &hex.to_uppercase(), &base64, unpadded] {
            assert_eq!(decoded(text), Some(bytes), "{text}");
            assert_eq!(decoded(&format!("sha256={text}")), Some(bytes), "{text}");
            assert_eq!(decoded(&format!("SHA256={text}")), Some(bytes), "{text}");
        }
        for text in ["", "sha256=", "sha1=00", &hex[2..], &format!("{hex}00"), "é".repeat(32).as_str()] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn fewer_secrets_than_two_are_padded_with_such_that_never_match() {
        let padded = |secrets: &[&str]| {
            let secrets = Secrets::new(secrets.iter().map(|secret| (*secret).to_owned()));
            secrets.padded().map(|(_, active)| active).collect::<Vec<_>>()
        };
        assert_eq!(padded(&[]), [false, false]);
        assert_eq!(padded(&["", "a"]), [true, false]);
        assert_eq!(padded(&["a", "b", "c"]), [true, true, true]);
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secrets::new(["hush".to_owned()])), "Secrets(1)");
    }
}
