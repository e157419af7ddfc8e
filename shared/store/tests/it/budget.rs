//! What settling a conversion bills, held against a budget; docs/cost.md builds on it.

use domain::ids::FactId;
use domain::ledger::{Earning, Settlement};
use domain::run::ModelCode;
use store::Audited;

use super::*;

/// Of a settlement that one partner and one broker have a part in: itself, their parts, the audit entry and the conversion
/// are written in one transaction, which bills each twice.
const WRITES: f64 = 10.0;
const READS: f64 = 5.0;

fn earning(name: &str, partner: Option<&str>, broker: Option<&str>) -> Earning {
    let tenant = domain::ids::TenantId::parse("demo").unwrap();
    let id = ExternalId::parse(name).unwrap();
    Earning {
        touch: FactId::interaction(&tenant, Source::Api, &id),
        touched_at: Timestamp::parse("2026-03-01T10:00:00Z").unwrap(),
        channel: "paid_search".to_owned(),
        campaign: Some("home-insurance-q4".to_owned()),
        partner_id: partner.map(str::to_owned),
        broker_id: broker.map(str::to_owned),
        share_ppb: 333_333_333,
        revenue_minor: 333,
        commission_minor: 33,
    }
}

#[tokio::test]
async fn settling_a_conversion_of_three_touches_stays_within_the_budget_and_again_is_free_of_writes() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (table, now) = (stack.table(), stack.clock.now());
    let recorded = table.record_conversion(&tenant, &conversion("sale-1", [email(1)]), now).await.unwrap();
    let (stored, _) = recorded.stored().unwrap();
    let mut earnings = vec![
        earning("a", Some("partner-abc"), None),
        earning("b", None, Some("broker-7")),
        earning("c", None, None),
    ];
    earnings[0].revenue_minor += 1;
    earnings[0].commission_minor += 1;
    let fresh = Settlement::new(
        (stored.id.clone(), None, stored.conversion.occurred_at),
        (stored.conversion.amount, 100),
        (ModelCode::Linear, None),
        earnings,
        now,
    );
    let audited = Audited {
        audit_id: stack.clock.mint("aud"),
        at: now,
        by: "key_1".to_owned(),
        action: "settlement.calculated".to_owned(),
        subject: stored.id.to_string(),
        detail: "{}".to_owned(),
    };
    let mut billed = Vec::new();
    for _ in 0..2 {
        table.meter().take();
        table.settle(&tenant, (fresh.clone(), &stored), &audited, now).await.unwrap();
        let units: Vec<_> = table.meter().take().into_values().collect();
        let writes: f64 = units.iter().map(|units| units.writes + units.index_writes).sum();
        let reads: f64 = units.iter().map(|units| units.reads).sum();
        billed.push((writes, reads));
    }
    assert!(billed[0].0 > 0.0 && billed[0].0 <= WRITES && billed[0].1 <= READS, "{billed:?}");
    assert!(billed[1].0 == 0.0, "{billed:?}");
}
