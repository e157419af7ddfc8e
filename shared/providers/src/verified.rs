//! What makes bytes trustworthy: a MAC that matched.
//!
//! A delivery is verified twice. At the door by the sender's secret, over the bytes as they came. Behind the queue by
//! our own seal, so that a message which somebody else put on the queue is refused. Checking the sender's signature
//! again there would lose what was acknowledged before a secret was rotated out.

mod sealed;

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::provider::Provider;
use crate::signature::Secrets;

pub use sealed::SealedDelivery;

/// A body whose sender is known. There is no way to one but a MAC that matched:
///
/// ```compile_fail
/// let forged = providers::Verified { provider: providers::Provider::Convin, body: b"{}".as_slice().into() };
/// ```
#[derive(Clone)]
pub struct Verified<'a> {
    provider: Provider,
    body: Cow<'a, [u8]>,
}

/// Why bytes are not trusted. Senders learn none of it: every case has the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("the delivery carries no signature, or several that differ")]
    Unsigned,
    #[error("the signature is not one of this body with an active secret")]
    WrongSignature,
    #[error("the message was not sealed by us for this tenant")]
    WrongSeal,
}

impl<'a> Verified<'a> {
    /// Compares with every active secret, in a time that tells neither which one matched nor how nearly.
    pub(crate) fn by_hmac_sha256(
        provider: Provider,
        body: &'a [u8],
        given: &[u8; 32],
        secrets: &Secrets,
    ) -> Result<Self, Rejected> {
        let mut matched = Choice::from(0);
        for (secret, active) in secrets.padded() {
            matched |= hmac_sha256(secret, &[body]).ct_eq(given) & Choice::from(u8::from(active));
        }
        if bool::from(matched) {
            Ok(Self { provider, body: Cow::Borrowed(body) })
        } else {
            Err(Rejected::WrongSignature)
        }
    }

    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The body is personal data.
impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({}, {} bytes)", self.provider.code(), self.body.len())
    }
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
