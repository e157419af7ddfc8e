//! The only source of time and of minted ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::time::Timestamp;
use uuid::{ContextV7, Uuid};

#[derive(Clone, Debug)]
enum Kind {
    System,
    Fixed(Arc<AtomicI64>),
}

/// Tells the time and mints ids that sort by it.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

impl Clock {
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it, for tests.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Kind::Fixed(Arc::new(AtomicI64::new(at.ms()))))
    }

    pub fn advance(&self, ms: i64) {
        if let Kind::Fixed(now) = &self.0 {
            now.fetch_add(ms, Ordering::SeqCst);
        }
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
            Kind::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Kind::Fixed(now) => Timestamp::from_ms(now.load(Ordering::SeqCst)),
        }
    }

    /// A new id `<prefix>_<UUIDv7>`; later ids sort after earlier ones.
    pub fn mint(&self, prefix: &str) -> String {
        self.mint_at(prefix, self.now())
    }

    /// As [`Clock::mint`], for what happened at `time`, which the id then tells.
    pub fn mint_at(&self, prefix: &str, time: Timestamp) -> String {
        let ms = u64::try_from(time.ms()).unwrap_or_default();
        let moment = uuid::Timestamp::from_unix(
            ContextV7::new(),
            ms / 1_000,
            u32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0),
        );
        format!("{prefix}_{}", Uuid::new_v7(moment).simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_ids_differ_and_sort_by_time() {
        let clock = Clock::fixed(Timestamp::from_ms(1_700_000_000_000));
        let (first, second) = (clock.mint("run"), clock.mint("run"));
        assert_ne!(first, second);
        clock.advance(1);
        assert!(clock.mint("run") > first.max(second));
        let time = Timestamp::from_ms(1_600_000_000_123);
        assert_eq!(Timestamp::of_minted("dlv", &clock.mint_at("dlv", time)), Some(time));
    }
}
