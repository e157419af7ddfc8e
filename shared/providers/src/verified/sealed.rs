//! How a verified delivery crosses the queue.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ids::TenantId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Rejected, Verified, hmac_sha256};
use crate::provider::Provider;

/// A verified delivery as a message. Whatever is changed after sealing, it does not open any more.
#[derive(Clone, Serialize, Deserialize)]
pub struct SealedDelivery {
    pub delivery_id: String,
    pub tenant: TenantId,
    pub provider: Provider,
    pub received_at: Timestamp,
    /// The raw body in base64.
    pub body: String,
    /// HMAC-SHA256 over all fields above, in hex.
    pub seal: String,
    /// When somebody had it sent again. Outside the seal, since it says nothing about the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_at: Option<Timestamp>,
}

impl Verified<'_> {
    /// Seals the delivery for the way through the queue, with a key that only we have and only for this tenant.
    pub fn seal(
        &self,
        key: &[u8; 32],
        tenant: TenantId,
        delivery_id: String,
        received_at: Timestamp,
    ) -> SealedDelivery {
        let body = STANDARD.encode(&self.body);
        let mut sealed = SealedDelivery {
            delivery_id,
            tenant,
            provider: self.provider,
            received_at,
            body,
            seal: String::new(),
            replayed_at: None,
        };
        sealed.seal = hex::encode(sealed.mac(key, &self.body));
        sealed
    }
}

impl SealedDelivery {
    /// What the key of a seal is derived from the tenant's key for.
    pub const PURPOSE: &str = "delivery";

    /// The delivery, if this message is as it was sealed with `key`.
    pub fn open(&self, key: &[u8; 32]) -> Result<Verified<'static>, Rejected> {
        let body = STANDARD.decode(&self.body).map_err(|_| Rejected::WrongSeal)?;
        let given = hex::decode(&self.seal).map_err(|_| Rejected::WrongSeal)?;
        if bool::from(self.mac(key, &body).ct_eq(&given)) {
            Ok(Verified { provider: self.provider, body: Cow::Owned(body) })
        } else {
            Err(Rejected::WrongSeal)
        }
    }

    /// Each field is preceded by its length, so that none can run into the next.
    fn mac(&self, key: &[u8; 32], body: &[u8]) -> [u8; 32] {
        let received_at = self.received_at.ms().to_be_bytes();
        let fields: [&[u8]; 5] = [
            self.delivery_id.as_bytes(),
            self.tenant.as_str().as_bytes(),
            self.provider.code().as_bytes(),
            &received_at,
            body,
        ];
        let lengths = fields.map(|field| (field.len() as u64).to_be_bytes());
        let parts = lengths.iter().zip(fields).flat_map(|(length, field)| [length.as_slice(), field]);
        hmac_sha256(key, &parts.collect::<Vec<_>>())
    }
}

/// The body is personal data, and the seal proves what it seals.
impl fmt::Debug for SealedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivery_id, tenant, provider, .. } = self;
        write!(f, "SealedDelivery({delivery_id}, {tenant}, {})", provider.code())
    }
}
