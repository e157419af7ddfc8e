//! The stored half of a tenant's rate.

use domain::rate::{Allowance, Lease, Leased, Pass, Rate};
use domain::time::Timestamp;

/// What a container without tokens asks for.
fn lease(rate: Rate, at_ms: i64) -> Lease {
    let pass = Allowance::default().take(rate, Timestamp::from_ms(1_800_000_000_000 + at_ms));
    let lease = if let Pass::Unknown(lease) = pass { Some(lease) } else { None };
    lease.unwrap()
}

#[tokio::test]
async fn the_table_grants_what_the_rule_grants_whatever_the_container_saw_last() {
    let stack = testkit::stack();
    let (table, tenant) = (stack.table(), stack.tenant("demo").await);
    let rate = Rate::new(1_000, 200).unwrap();
    let (mut due, mut refused) = (None, 0);
    for n in 0..400_i64 {
        // Bursts and rests, a clock behind the others now and then, and what was seen long ago or never.
        let lease = lease(rate, n * 3 + (n % 50) / 40 * 300 - n % 3);
        let seen = [due.unwrap_or(0), 0, lease.now_ns + 1][usize::try_from(n % 3).unwrap()];
        let leased = table.lease(&tenant.id, lease, seen).await.unwrap();
        assert_eq!(leased, lease.applied_to(due), "{n}");
        match leased {
            Leased::Granted(next) => due = Some(next),
            Leased::Refused(_) => refused += 1,
        }
    }
    assert!((50..350).contains(&refused), "{refused}");
}
