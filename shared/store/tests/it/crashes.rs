//! A writer that dies between any two of its writes is repaired by the retry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::ids::{FactId, FactKind};
use domain::run::{ModelCode, RunConfig};
use store::{Customers, Paging, Run, Span, StoreError, Table, Tenant};
use testkit::{Call, Fault, Stack, TABLE};

use super::*;

/// A table whose client dies before its `nth` write: nothing gets through any more.
fn dying(stack: &Stack, nth: usize) -> Table {
    let writes = Arc::new(AtomicUsize::new(0));
    let refuses = move |operation: &str, _: &str| {
        let is_write = !matches!(operation, "GetItem" | "BatchGetItem" | "Query");
        let written =
            if is_write { writes.fetch_add(1, Ordering::SeqCst) + 1 } else { writes.load(Ordering::SeqCst) };
        written >= nth
    };
    Table::new(stack.failing_host(&[], refuses).aws.dynamodb(), TABLE)
}

/// Everything that a reader finds of a fact: itself, in its customer's timeline from every member, in the lists.
async fn found(table: &Table, tenant: &Tenant, identifiers: &[Identifier], id: &FactId) -> Vec<bool> {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let page = Paging { span: Span::ALL, after: None, limit: 50, newest_first: true };
    let facts = table.facts(tenant, now);
    let listed = facts.newest(id.kind(), page, |_| true).await.unwrap();
    let mut found = vec![listed.items.iter().any(|fact| fact.id == *id)];
    for identifier in identifiers {
        let node = tenant.identity().node(identifier);
        let customer = Customers::of(table, tenant).of_node(&node).await.unwrap();
        assert_eq!(customer.members.len(), identifiers.len());
        let timeline = facts.timeline(&customer.members, page, |_| true).await.unwrap();
        found.push(timeline.items.iter().any(|fact| fact.id == *id));
    }
    found
}

/// Writes with a client that dies before its 1st, 2nd, … write, retries with a healthy one, and looks.
async fn repaired_after_any_crash<W, F>(kind: FactKind, write: W)
where
    W: Fn(Table, Tenant) -> F,
    F: Future<Output = Result<FactId, StoreError>>,
{
    let identifiers = [email(0), email(1), phone(0)];
    let mut nth = 1;
    loop {
        let stack = testkit::stack();
        let tenant = stack.tenant("demo").await;
        let died = write(dying(&stack, nth), tenant.clone()).await.is_err();
        let table = stack.table();
        let id = write(table.clone(), tenant.clone()).await.unwrap();
        assert_eq!(id.kind(), kind);
        assert!(
            found(&table, &tenant, &identifiers, &id).await.iter().all(|found| *found),
            "died at write {nth}"
        );
        if !died {
            break;
        }
        nth += 1;
    }
    // The links of three identifiers, the hour, the fact; a sixth write was not reached.
    assert_eq!(nth, 6);
}

#[tokio::test]
async fn a_call_is_whole_after_a_crash_between_any_two_writes_and_a_retry() {
    repaired_after_any_crash(FactKind::Interaction, async |table: Table, tenant: Tenant| {
        let (about, event) = call("call-1", &BTreeSet::from([email(0), email(1), phone(0)]));
        let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        let (stored, ()) = table.merge_interaction(&tenant, &about, now, fold(&event)).await?;
        Ok(stored.id)
    })
    .await;
}

#[tokio::test]
async fn a_conversion_is_whole_after_a_crash_between_any_two_writes_and_a_retry() {
    repaired_after_any_crash(FactKind::Conversion, async |table: Table, tenant: Tenant| {
        let order = conversion("order-1", [email(0), email(1), phone(0)]);
        let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        table.record_conversion(&tenant, &order, now).await?;
        Ok(FactId::conversion(&tenant.id, &order.external_id))
    })
    .await;
}

#[tokio::test]
async fn a_run_that_is_created_again_is_answered_as_it_stands() {
    let stack = testkit::stack();
    let (tenant, table) = (stack.tenant("demo").await, stack.table());
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let made = |name: &str, at| {
        let config = RunConfig::usual(ModelCode::Linear);
        Run::new(format!("run_{:0>32}", 1), name.to_owned(), config, at, i64::MAX)
    };
    let first = table.create_run(&tenant.id, made("first", now)).await.unwrap();
    let again = table.create_run(&tenant.id, made("again", now.plus_ms(1_000))).await.unwrap();
    assert_eq!((again.name, again.created_at), (first.name, first.created_at));
}

#[tokio::test]
async fn a_run_whose_creation_was_never_answered_is_created_and_said_to_be() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    let made = |id: &str| {
        let config = RunConfig::usual(ModelCode::Linear);
        Run::new(format!("run_{id:0>32}"), "a run".to_owned(), config, now, i64::MAX)
    };
    for (id, fault, created) in [("1", Fault::DoneUnanswered, true), ("2", Fault::GivenUp, false)] {
        let judge = move |call: &Call| (call.operation == "TransactWriteItems").then_some(fault);
        let table = Table::new(stack.host_behind(&[], judge).aws.dynamodb(), TABLE);
        let run = made(id);
        assert_eq!(table.create_run(&tenant.id, run.clone()).await.is_ok(), created, "{fault:?}");
        let found = stack.table().run(&tenant.id, &run.run_id, now).await.unwrap();
        assert_eq!(found.is_some(), created, "{fault:?}");
    }
}
