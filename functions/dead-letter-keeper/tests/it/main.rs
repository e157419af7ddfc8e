//! What leaves the dead-letter queue, and what stays there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use archive::Archive;
use dead_letter_keeper::{App, handle};
use domain::ids::TenantId;
use providers::{Delivery, Provider, SealedDelivery, Secrets};
use store::{DeliveryState, KeptDelivery, Tenant};
use testkit::{BUCKET, Stack};

const STARTED: &str = include_str!("../../../../events/convin/call.started.json");

fn sealed(stack: &Stack, tenant: &Tenant, body: &str) -> SealedDelivery {
    let signature = testkit::signature("secret", body.as_bytes());
    let delivery = Delivery::new([("x-webhook-signature", signature.as_bytes())], body.as_bytes());
    let secrets = Secrets::new(["secret".to_owned()]);
    let verified = Provider::Convin.adapter().verify(&delivery, &secrets).unwrap();
    let key = tenant.key.derived(SealedDelivery::PURPOSE);
    verified.seal(&key, tenant.id.clone(), stack.clock.mint("dlv"), stack.clock.now())
}

fn app(stack: &Stack) -> App {
    App::connect(&stack.host(&[])).unwrap()
}

/// Hands over a batch; answers the ids of the messages that stay.
async fn handled(app: &App, deliveries: &[&SealedDelivery]) -> Vec<String> {
    let messages = deliveries.iter().map(|delivery| serde_json::to_string(delivery).unwrap());
    let response = handle(app.clone(), testkit::batch(messages)).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn kept(stack: &Stack, delivery: &SealedDelivery) -> Option<KeptDelivery> {
    let places = [(delivery.received_at, delivery.delivery_id.as_str())];
    let kept = stack.table().kept_deliveries(&delivery.tenant, places, stack.clock.now()).await;
    kept.unwrap().remove(&delivery.delivery_id)
}

#[tokio::test]
async fn a_dead_letter_is_kept_with_what_it_tells_of_and_leaves_the_queue() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let (readable, unreadable) = (sealed(&stack, &tenant, STARTED), sealed(&stack, &tenant, "not json"));
    // It may come twice.
    for _ in 0..2 {
        assert!(handled(&app(&stack), &[&readable, &unreadable]).await.is_empty());
    }
    let archive = Archive::new(stack.host(&[]).aws.s3(), BUCKET.to_owned());
    for (delivery, tells) in [(&readable, true), (&unreadable, false)] {
        let kept = kept(&stack, delivery).await.unwrap();
        assert_eq!((kept.state, kept.interaction.is_some()), (DeliveryState::DeadLettered, tells));
        let archived = archive.find(&tenant.id, &delivery.delivery_id).await.unwrap().unwrap();
        assert_eq!((&archived.sealed.body, &archived.sealed.seal), (&delivery.body, &delivery.seal));
    }
}

#[tokio::test]
async fn what_is_no_delivery_of_a_tenant_that_there_is_stays() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let good = sealed(&stack, &tenant, STARTED);
    let mut altered = good.clone();
    altered.body = sealed(&stack, &tenant, "another").body;
    let mut unknown = good.clone();
    unknown.tenant = TenantId::parse("nobody").unwrap();
    assert_eq!(handled(&app(&stack), &[&altered, &unknown]).await, ["m0", "m1"]);
    assert_eq!((kept(&stack, &altered).await, kept(&stack, &unknown).await), (None, None));
    let response = handle(app(&stack), testkit::batch(["{}".to_owned(), String::new()])).await;
    assert_eq!(response.batch_item_failures.len(), 2);
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_archived_or_kept_stays() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let delivery = sealed(&stack, &tenant, STARTED);
    for refused in ["PutObject", "PutItem"] {
        let host = stack.failing_host(&[], move |operation, _| operation == refused);
        let failing = App::connect(&host).unwrap();
        assert_eq!(handled(&failing, &[&delivery]).await, ["m0"], "{refused}");
        assert_eq!(kept(&stack, &delivery).await, None, "{refused}");
    }
    assert!(handled(&app(&stack), &[&delivery]).await.is_empty());
}
