//! Cursors: where a list goes on, sealed so that nobody can make one up or take it to another list or tenant.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::{Position, Tenant};

use crate::error::ApiError;
use crate::query::Query;

const SEAL: usize = 12;

/// Seals and opens the cursors of one list of one tenant. `list` names the list and everything that selects its
/// entries.
pub struct Cursors {
    key: [u8; 32],
    list: String,
}

impl Cursors {
    pub fn of(tenant: &Tenant, list: String) -> Self {
        Self { key: tenant.key.derived("cursor"), list }
    }

    fn seal_of(&self, position: &[u8]) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("32 bytes are a key");
        mac.update(self.list.as_bytes());
        mac.update(&[0]);
        mac.update(position);
        mac.finalize().into_bytes()[..SEAL].to_vec()
    }

    pub fn seal(&self, position: &Position) -> String {
        let mut bytes = self.seal_of(position.0.as_bytes());
        bytes.extend_from_slice(position.0.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in the request's `cursor`, if it has one.
    pub fn position<T>(&self, query: &mut Query<T>) -> Result<Option<Position>, ApiError> {
        query.cursor().map(|cursor| self.open(&cursor)).transpose()
    }

    /// The position that a cursor tells.
    pub fn open(&self, cursor: &str) -> Result<Position, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ApiError::InvalidCursor)?;
        let (seal, position) = bytes.split_at_checked(SEAL).ok_or(ApiError::InvalidCursor)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(seal, self.seal_of(position).as_slice())) {
            return Err(ApiError::InvalidCursor);
        }
        String::from_utf8(position.to_vec()).map(Position).map_err(|_| ApiError::InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::TenantId;
    use store::TenantKey;

    use super::*;

    fn tenant(name: &str, key: u8) -> Tenant {
        let id = TenantId::parse(name).unwrap();
        Tenant { id, settings: domain::tenant::Settings::default(), key: TenantKey::new([key; 32]) }
    }

    #[test]
    fn a_cursor_opens_only_for_its_list_and_tenant() {
        let (demo, acme) = (tenant("demo", 1), tenant("acme", 2));
        let list = |tenant, name: &str| Cursors::of(tenant, name.to_owned());
        let position = Position("1705314600000#0123".to_owned());
        let sealed = list(&demo, "interactions").seal(&position);
        assert_eq!(list(&demo, "interactions").open(&sealed).unwrap(), position);
        assert!(list(&demo, "conversions").open(&sealed).is_err());
        assert!(list(&acme, "interactions").open(&sealed).is_err());
        let mut altered = sealed.into_bytes();
        let last = altered.len() - 2;
        altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
        for cursor in [String::from_utf8(altered).unwrap().as_str(), "", "%", "AAAA"] {
            assert!(list(&demo, "interactions").open(cursor).is_err(), "{cursor}");
        }
    }
}
