//! Deliveries as they come out of the queue, and what is stored of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod archived;
mod budget;
mod convergence;
mod failures;
mod kept;

use aws_lambda_events::sqs::SqsBatchResponse;
use call_ingestor::{App, handle};
use domain::ids::ExternalId;
use domain::interaction::Interaction;
use providers::{Delivery, Provider, SealedDelivery, Secrets};
use store::{About, Tenant};
use testkit::Stack;

const STARTED: &str = include_str!("../../../../events/convin/call.started.json");
const ENDED: &str = include_str!("../../../../events/convin/call.ended.json");
const TRANSCRIPT: &str = include_str!("../../../../events/convin/call.transcript.updated.json");
const INTENT: &str = include_str!("../../../../events/convin/call.intent.detected.json");

/// The guide's payload, about another call.
fn about(call: &str, payload: &str) -> String {
    payload.replace(r#""call_id": "call-12345""#, &format!(r#""call_id": "{call}""#))
}

/// What webhook-receiver puts on the queue for a body.
fn sealed(stack: &Stack, tenant: &Tenant, provider: Provider, body: &str) -> SealedDelivery {
    let signature = testkit::signature("secret", body.as_bytes());
    let delivery = Delivery::new([("x-webhook-signature", signature.as_bytes())], body.as_bytes());
    let verified = provider.adapter().verify(&delivery, &Secrets::new(["secret".to_owned()])).unwrap();
    let key = tenant.key.derived(SealedDelivery::PURPOSE);
    verified.seal(&key, tenant.id.clone(), stack.clock.mint("dlv"), stack.clock.now())
}

fn message(delivery: &SealedDelivery) -> String {
    serde_json::to_string(delivery).unwrap()
}

/// The messages of one batch about Convin's calls.
fn messages(stack: &Stack, tenant: &Tenant, bodies: &[String]) -> Vec<String> {
    bodies.iter().map(|body| message(&sealed(stack, tenant, Provider::Convin, body))).collect()
}

/// Hands over a batch; answers the ids of the messages that must come again.
async fn handled(app: &App, messages: impl IntoIterator<Item = String>) -> Vec<String> {
    failures(handle(app.clone(), testkit::batch(messages)).await)
}

fn failures(response: SqsBatchResponse) -> Vec<String> {
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn app(stack: &Stack) -> App {
    App::connect(&stack.host(&[])).unwrap()
}

async fn stored(stack: &Stack, tenant: &Tenant, provider: Provider, call: &str) -> Option<Interaction> {
    let external_id = ExternalId::parse(call).unwrap();
    let id = About { source: provider.source(), external_id }.id(tenant);
    let stored = stack.table().interaction(tenant, &id, stack.clock.now()).await.unwrap();
    stored.map(|stored| stored.interaction)
}

async fn of_convin(stack: &Stack, tenant: &Tenant, call: &str) -> Option<Interaction> {
    stored(stack, tenant, Provider::Convin, call).await
}
