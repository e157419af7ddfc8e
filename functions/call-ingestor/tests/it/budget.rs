//! What the table bills for the documents' own payloads, held against the budgets below; docs/cost.md builds on them.
//!
//! New identity edges and the first use of an hour are apart: a customer's first call has them, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use domain::conversion::Conversion;
use domain::identifier::{Identifier, IdentifierType, Region};
use domain::ids::ExternalId;
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use store::{Meter, Recorded, Units};
use testkit::Stack;

use crate::convergence::orders;
use crate::{ENDED, about, app, handled, messages};

const WRITES_PER_CALL: f64 = 6.0;
const READS_PER_CALL: f64 = 4.0;
const WRITES_PER_CONVERSION: f64 = 3.0;

/// The most that any of several cases billed, by kind of item.
#[derive(Default)]
struct Most(BTreeMap<&'static str, Units>);

impl Most {
    /// Notes what a case billed; answers its writes and reads within the budget.
    fn note(&mut self, meter: &Meter) -> (f64, f64) {
        let billed = meter.take();
        for (part, units) in &billed {
            let most = self.0.entry(part).or_default();
            most.reads = most.reads.max(units.reads);
            most.writes = most.writes.max(units.writes);
            most.index_writes = most.index_writes.max(units.index_writes);
        }
        let apart = BTreeSet::from(["identity", "hours"]);
        let counted = billed.iter().filter(|(part, _)| !apart.contains(*part));
        let writes = counted.map(|(_, units)| units.writes + units.index_writes).sum();
        (writes, billed.values().map(|units| units.reads).sum())
    }

    /// Prints past the test runner's capture: the figures are wanted when all is well too.
    fn print(&self, what: &str) {
        let mut out = std::io::stderr().lock();
        for (part, units) in &self.0 {
            writeln!(out, "{what}: {part}: {units}").unwrap();
        }
    }
}

#[tokio::test]
async fn four_events_of_a_call_stay_within_the_budget_in_every_order() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let mut most = Most::default();
    for (n, order) in orders().into_iter().enumerate() {
        let bodies = order.map(|payload| about(&format!("call-{n}"), payload));
        // A container that knows nothing yet, but the tenant.
        let app = app(&stack);
        handled(&app, messages(&stack, &tenant, &[about("another", ENDED)])).await;
        app.meter().take();
        for body in &bodies {
            assert!(handled(&app, messages(&stack, &tenant, std::slice::from_ref(body))).await.is_empty());
        }
        let (writes, reads) = most.note(app.meter());
        assert!(writes <= WRITES_PER_CALL && reads <= READS_PER_CALL, "{writes} writes, {reads} reads");
        for body in bodies {
            handled(&app, messages(&stack, &tenant, &[body])).await;
        }
        assert!(app.meter().take().values().all(|units| units.writes + units.index_writes == 0.0));
    }
    most.print("four events of a call, at most");
}

async fn conversions(stack: &Stack) {
    let tenant = stack.tenant("demo").await;
    let table = stack.table();
    let mut most = Most::default();
    for n in 0..10 {
        let phone = Identifier::parse(IdentifierType::Phone, "+1234567890", Region::US).unwrap();
        let conversion = Conversion {
            external_id: ExternalId::parse(&format!("order-{n}")).unwrap(),
            event_type: "purchase".to_owned(),
            identifiers: BTreeSet::from([phone]),
            amount: Money { minor: 250_000, currency: Currency::parse("USD").unwrap() },
            occurred_at: Timestamp::parse("2024-01-20T15:00:00Z").unwrap(),
            event_source: "billing".to_owned(),
            metadata: None,
            refund_of: None,
            commission_minor: None,
            policy_id: None,
            policy_number: None,
        };
        let now = stack.clock.now();
        assert!(matches!(
            table.record_conversion(&tenant, &conversion, now).await.unwrap(),
            Recorded::Created(_)
        ));
        let (writes, _) = most.note(table.meter());
        assert!(writes <= WRITES_PER_CONVERSION, "{writes} writes");
        assert!(matches!(
            table.record_conversion(&tenant, &conversion, now).await.unwrap(),
            Recorded::Same(_)
        ));
        assert!(table.meter().take().values().all(|units| units.writes + units.index_writes == 0.0));
    }
    most.print("one conversion, at most");
}

#[tokio::test]
async fn a_conversion_stays_within_the_budget_and_its_repetition_is_free() {
    conversions(&testkit::stack()).await;
}
