//! Every key of the bucket. Nothing else writes one.
//!
//! `T/<tenant>/<second>/<digest>`: what a batch held of a tenant's deliveries of one second. Seconds count down, since
//! S3 lists in ascending order only and people want the newest first: no list walks days on which nothing came. The
//! digest is of the content, so that a batch that comes again writes the same object again.

use domain::ids::TenantId;
use domain::time::{SECOND_MS, Timestamp};
use sha2::{Digest, Sha256};

/// A whole second since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(i64);

/// As far as ten digits count, in 2286.
const LAST: i64 = 9_999_999_999;

impl Second {
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(time.ms().div_euclid(SECOND_MS).clamp(0, LAST))
    }

    pub(crate) fn start(self) -> Timestamp {
        Timestamp::from_ms(self.0 * SECOND_MS)
    }
}

pub(crate) fn of_tenant(tenant: &TenantId) -> String {
    format!("T/{tenant}/")
}

/// What all objects of a second begin with; sorts after those of later seconds.
pub(crate) fn of_second(tenant: &TenantId, second: Second) -> String {
    format!("{}{:010}/", of_tenant(tenant), LAST - second.0)
}

/// Sorts after all objects of a second and before those of earlier ones.
pub(crate) fn after_second(tenant: &TenantId, second: Second) -> String {
    format!("{}~", of_second(tenant, second))
}

pub(crate) fn object(tenant: &TenantId, second: Second, content: &[u8]) -> String {
    format!("{}{}", of_second(tenant, second), hex::encode(&Sha256::digest(content)[..12]))
}

/// Reads the second of what [`object`] wrote.
pub(crate) fn second(key: &str) -> Option<Second> {
    let digits = key.rsplit('/').nth(1)?;
    Some(Second(LAST - digits.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_second_and_sort_the_newest_first() {
        let tenant = TenantId::parse("demo").unwrap();
        let later = Second::of(Timestamp::from_ms(1_705_314_600_999));
        let earlier = Second::of(Timestamp::from_ms(1_705_314_599_999));
        assert_eq!((later.start().ms(), earlier.start().ms()), (1_705_314_600_000, 1_705_314_599_000));
        let (first, second_key) = (object(&tenant, later, b"a"), object(&tenant, earlier, b"b"));
        assert_eq!((second(&first), second(&second_key)), (Some(later), Some(earlier)));
        let between = after_second(&tenant, later);
        assert!(of_second(&tenant, later) < first && first < between && between < second_key);
        assert_eq!(object(&tenant, later, b"a"), first);
        assert_ne!(object(&tenant, later, b"b"), first);
    }
}
