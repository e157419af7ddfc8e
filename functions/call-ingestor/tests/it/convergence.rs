use domain::interaction::{Field, Status};
use futures::future::join_all;
use providers::Provider;
use store::Customers;

use crate::{ENDED, INTENT, STARTED, TRANSCRIPT, about, app, handled, messages, of_convin, stored};

/// Every order of the guide's four events.
pub(crate) fn orders() -> Vec<[&'static str; 4]> {
    let events = [STARTED, ENDED, TRANSCRIPT, INTENT];
    let mut orders = Vec::new();
    for first in 0..4 {
        for second in (0..4).filter(|second| *second != first) {
            for third in (0..4).filter(|third| ![first, second].contains(third)) {
                let fourth = 6 - first - second - third;
                orders.push([first, second, third, fourth].map(|index| events[index]));
            }
        }
    }
    assert_eq!(orders.len(), 24);
    orders
}

#[tokio::test]
async fn the_guides_four_events_make_one_interaction_that_tells_all_of_them() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let bodies = [STARTED, ENDED, TRANSCRIPT, INTENT].map(str::to_owned);
    assert!(handled(&app(&stack), messages(&stack, &tenant, &bodies)).await.is_empty());
    let call = of_convin(&stack, &tenant, "call-12345").await.unwrap();
    assert_eq!(call.status(), Status::Completed);
    assert_eq!(call.duration_seconds(), Some(900));
    assert_eq!(call.text(Field::AgentId), Some("agent-001"));
    assert_eq!(call.text(Field::PrimaryIntent), Some("purchase_inquiry"));
    assert_eq!(call.text(Field::PurchaseProbability), Some("0.75"));
    assert_eq!(call.text(Field::Outcome), Some("purchase"));
    assert_eq!(call.list(Field::SecondaryIntents), ["product_info", "pricing"]);
    let anchor = tenant.identity().node(&call.anchor().unwrap());
    let table = stack.table();
    let customer = Customers::of(&table, &tenant).of_node(&anchor).await.unwrap();
    assert_eq!(customer.members.len(), 2, "phone and e-mail are one customer");
}

#[tokio::test]
async fn every_order_ends_in_the_same_interaction_in_one_batch_and_one_by_one() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let app = app(&stack);
    let mut expected = None;
    for (index, order) in orders().into_iter().enumerate() {
        let (batched, single) = (format!("batched-{index}"), format!("single-{index}"));
        let bodies = order.map(|payload| about(&batched, payload));
        assert!(handled(&app, messages(&stack, &tenant, &bodies)).await.is_empty());
        for payload in order {
            assert!(handled(&app, messages(&stack, &tenant, &[about(&single, payload)])).await.is_empty());
        }
        for call in [batched, single] {
            let stored = of_convin(&stack, &tenant, &call).await.unwrap();
            assert_eq!(expected.get_or_insert(stored.clone()), &stored, "{call}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_order_ends_in_the_same_interaction_with_duplicates_and_eight_handlers_at_once() {
    let stack = testkit::stack();
    let apps: Vec<_> = (0..8).map(|_| app(&stack)).collect();
    let mut expected = None;
    for (index, order) in orders().into_iter().enumerate() {
        let tenant = stack.tenant(&format!("tenant-{index}")).await;
        let batches = apps.iter().enumerate().map(|(handler, app)| {
            let mut bodies = order.map(str::to_owned).to_vec();
            bodies.rotate_left(handler % 4);
            bodies.truncate(1 + handler / 2);
            bodies.extend_from_within(..1);
            handled(app, messages(&stack, &tenant, &bodies))
        });
        let failed = join_all(batches).await.concat();
        assert!(failed.is_empty(), "{failed:?}");
        let stored = of_convin(&stack, &tenant, "call-12345").await.unwrap();
        assert_eq!(expected.get_or_insert(stored.clone()), &stored, "order {index}");
    }
}

#[tokio::test]
async fn a_duplicate_delivery_writes_nothing() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let app = app(&stack);
    let bodies = [STARTED, ENDED, TRANSCRIPT, INTENT].map(str::to_owned);
    handled(&app, messages(&stack, &tenant, &bodies)).await;
    app.meter().take();
    for body in &bodies {
        assert!(handled(&app, messages(&stack, &tenant, &[body.clone(), body.clone()])).await.is_empty());
    }
    let billed = app.meter().take();
    let written: f64 = billed.values().map(|units| units.writes + units.index_writes).sum();
    assert!(written < f64::EPSILON, "{billed:?}");
    assert!(billed["interactions"].reads <= 4.0, "{billed:?}");
}

#[tokio::test]
async fn two_providers_calls_of_one_id_are_two_calls_and_so_are_two_tenants() {
    let stack = testkit::stack();
    let (demo, acme) = (stack.tenant("demo").await, stack.tenant("acme").await);
    let app = app(&stack);
    let deliveries = [
        crate::sealed(&stack, &demo, Provider::Convin, STARTED),
        crate::sealed(&stack, &demo, Provider::Telephony, ENDED),
        crate::sealed(&stack, &acme, Provider::Convin, INTENT),
    ];
    assert!(handled(&app, deliveries.iter().map(crate::message)).await.is_empty());
    for (tenant, provider, status) in [
        (&demo, Provider::Convin, Status::InProgress),
        (&demo, Provider::Telephony, Status::Incomplete),
        (&acme, Provider::Convin, Status::Incomplete),
    ] {
        let call = stored(&stack, tenant, provider, "call-12345").await.unwrap();
        assert_eq!((call.sections.len(), call.status()), (1, status));
    }
    assert_eq!(stored(&stack, &acme, Provider::Telephony, "call-12345").await, None);
}
