//! Every delivery that was accepted ends up as exactly one thing, while every tenth call of the functions fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crae::{Call, Fault, Faults, Judge, Options, Stack, tenants};
use e2e::{Answer, Client, Failures, REDELIVERY};
use futures::{StreamExt, stream};
use providers::SealedDelivery;
use runtime::Metric;
use serde_json::{Value, json};

/// One in twenty unless all of it is asked for.
const DELIVERIES: u64 = if option_env!("CRAE_FULL").is_some() { 100_000 } else { 5_000 };

/// What a delivery is about can be told again, anew, and late.
const CALLS: u64 = DELIVERIES / 12;

/// Of every so many calls one cannot be written while something is broken.
const BROKEN: u64 = 50;

const ABREAST: usize = 24;

/// Longer than it takes to see that nothing moves any more.
const PATIENCE: Duration = Duration::from_secs(if DELIVERIES > 5_000 { 1_800 } else { 300 });

/// Something that a provider sends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mail {
    /// What it says of a part of a call replaces what it said at an earlier minute.
    Telling {
        call: u64,
        part: &'static str,
        minute: u64,
    },
    UnknownType(u64),
    Unreadable(u64),
    /// Signed with another secret.
    Forged(u64),
}

const PARTS: [&str; 4] = ["call.started", "call.ended", "call.transcript.updated", "call.intent.detected"];

impl Mail {
    fn random(n: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(n);
        match random.u64(..25) {
            0 => Self::UnknownType(n),
            1 => Self::Unreadable(n),
            2 => Self::Forged(n),
            _ => Self::Telling {
                call: random.u64(..CALLS),
                part: PARTS[random.usize(..PARTS.len())],
                minute: random.u64(..4),
            },
        }
    }

    fn body(&self) -> String {
        let body = match self {
            Self::Telling { call, part, minute } => {
                let name = if call % BROKEN == 0 { "broken" } else { "call" };
                let data = match *part {
                    "call.started" => json!({"phone_number": format!("+1415555{:04}", call % 10_000)}),
                    "call.ended" => json!({"duration_seconds": 60 + minute}),
                    "call.transcript.updated" => {
                        json!({"transcript_url": format!("https://example.com/{call}/{minute}")})
                    }
                    _ => json!({"primary_intent": "buy", "purchase_probability": 0.5}),
                };
                let (day, hour) = (1 + call % 28, call / 28 % 24);
                let timestamp = format!("2026-03-{day:02}T{hour:02}:{minute:02}:00Z");
                json!({"event_type": part, "call_id": format!("{name}-{call}"), "timestamp": timestamp, "data": data})
            }
            Self::UnknownType(n) => json!({"event_type": "call.parked", "call_id": format!("parked-{n}")}),
            Self::Unreadable(n) | Self::Forged(n) => {
                json!({"event_type": "call.started", "call_id": n, "data": 7})
            }
        };
        body.to_string()
    }

    fn is_broken(&self) -> bool {
        matches!(self, Self::Telling { call, .. } if call % BROKEN == 0)
    }
}

/// Fails calls, and sees which deliveries reach the queue, whether or not their sender is told.
#[derive(Default)]
struct Watch {
    failures: Failures,
    is_broken: AtomicBool,
    /// Nothing fails: for reading what there is in the end, which would take an hour otherwise.
    is_calm: AtomicBool,
    accepted: Mutex<BTreeMap<String, String>>,
}

impl Judge for Watch {
    fn judge(&self, call: &Call) -> Option<Fault> {
        let writes = call.principal == "call-ingestor" && call.operation == "PutItem";
        if writes && self.is_broken.load(Ordering::SeqCst) && call.text().contains("broken-") {
            return Some(Fault::GivenUp);
        }
        if self.is_calm.load(Ordering::SeqCst) { None } else { self.failures.judge(call) }
    }

    fn carried_out(&self, call: &Call) {
        if call.principal == "webhook-receiver" && call.operation == "SendMessage" {
            let message: Value = serde_json::from_slice(&call.body).unwrap();
            let sealed: SealedDelivery =
                serde_json::from_str(message["MessageBody"].as_str().unwrap()).unwrap();
            let body = String::from_utf8(STANDARD.decode(&sealed.body).unwrap()).unwrap();
            self.accepted.lock().unwrap().insert(sealed.delivery_id, body);
        }
    }
}

impl Watch {
    fn accepted(&self) -> BTreeMap<String, String> {
        self.accepted.lock().unwrap().clone()
    }
}

/// Asks again until it is answered, as providers do.
async fn answered(shop: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let since = Instant::now();
    loop {
        let answer = shop.try_send(method, path, headers, body.as_bytes().to_vec()).await.unwrap();
        if answer.status < 500 && answer.status != 429 {
            return answer;
        }
        assert!(since.elapsed() < PATIENCE, "{method} {path}: {} {}", answer.status, answer.text);
    }
}

/// Sends everything; answers the ids of what was acknowledged.
async fn send_all(shop: &Client, mails: &[Mail]) -> BTreeSet<String> {
    let path = format!("/v1/webhooks/convin/{}", shop.tenant.tenant_id);
    let sends = stream::iter(mails).map(|mail| {
        let path = &path;
        async move {
            let body = mail.body();
            let is_forged = matches!(mail, Mail::Forged(_));
            let signature = shop.signature("convin", if is_forged { b"else" } else { body.as_bytes() });
            let headers = [("x-webhook-signature", signature.as_str())];
            let answer = answered(shop, "POST", path, &headers, &body).await;
            assert_eq!(answer.status, if is_forged { 401 } else { 202 }, "{}", answer.text);
            answer.body["data"]["delivery_id"].as_str().map(str::to_owned)
        }
    });
    sends.buffer_unordered(ABREAST).filter_map(async |id| id).collect().await
}

/// Waits until no delivery is queued, or being worked on.
async fn quiet(stack: &Stack) {
    let since = Instant::now();
    loop {
        let mut waiting = 0;
        for queue in ["crae-deliveries", "crae-deliveries-dead-letters"] {
            let counts = stack.queues().counts(queue).await.unwrap();
            waiting += counts.visible + counts.in_flight + counts.delayed;
        }
        if waiting == 0 {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{waiting} deliveries are still on their way");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What the API says has become of each delivery.
async fn fates(shop: &Client) -> BTreeMap<String, String> {
    let (mut fates, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/v1/webhooks/deliveries?limit=200&cursor={cursor}");
        let page = answered(shop, "GET", &path, &[], "").await;
        assert_eq!(page.status, 200, "{}", page.text);
        for delivery in page.body["data"].as_array().unwrap() {
            let text = |field: &str| delivery[field].as_str().unwrap().to_owned();
            let twice = fates.insert(text("delivery_id"), text("state"));
            assert_eq!(twice, None, "{delivery} is listed twice");
        }
        match page.body["meta"]["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return fates,
        }
    }
}

/// Of each fate, how many deliveries must have it. Of those that say the same, one is the first, and it does not matter
/// which.
fn expected(accepted: &BTreeMap<String, String>, mails: &[Mail], is_broken: bool) -> BTreeMap<String, usize> {
    let by_body: BTreeMap<String, &Mail> = mails.iter().map(|mail| (mail.body(), mail)).collect();
    let told: Vec<&Mail> = accepted.values().map(|body| by_body[body]).collect();
    let mut last: BTreeMap<(u64, &str), u64> = BTreeMap::new();
    for mail in &told {
        if let Mail::Telling { call, part, minute } = mail {
            let last = last.entry((*call, part)).or_default();
            *last = minute.max(last).to_owned();
        }
    }
    let mut applied = BTreeSet::new();
    let mut counts = BTreeMap::new();
    for mail in told {
        let fate = match mail {
            Mail::UnknownType(_) => "unhandled",
            Mail::Unreadable(_) => "quarantined",
            Mail::Forged(n) => panic!("forgery {n} was accepted"),
            Mail::Telling { .. } if is_broken && mail.is_broken() => "dead_lettered",
            Mail::Telling { call, part, minute } if *minute < last[&(*call, *part)] => "stale",
            Mail::Telling { call, part, .. } if applied.insert((*call, *part)) => "applied",
            Mail::Telling { .. } => "duplicate",
        };
        *counts.entry(fate.to_owned()).or_default() += 1;
    }
    counts
}

fn counts(fates: &BTreeMap<String, String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    fates.values().for_each(|fate| *counts.entry(fate.clone()).or_default() += 1);
    counts
}

async fn has_dead(shop: &Client) -> bool {
    let dead = answered(shop, "GET", "/v1/webhooks/deliveries?state=dead_lettered&limit=1", &[], "").await;
    dead.data() != json!([])
}

async fn redrive(shop: &Client) {
    let mut cursor = String::new();
    loop {
        let body = json!({"cursor": cursor}).to_string();
        let headers = [("content-type", "application/json")];
        let sent = answered(shop, "POST", "/v1/webhooks/deliveries/redrive", &headers, &body).await.data();
        match sent["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_applied_duplicate_stale_unhandled_quarantined_or_dead() {
    let watch = Arc::new(Watch::default());
    watch.is_broken.store(true, Ordering::SeqCst);
    let judge: Arc<dyn Judge> = Arc::<Watch>::clone(&watch);
    let faults = Faults { judge: Some(judge), redelivery: Some(REDELIVERY), ..Faults::default() };
    let stack = Stack::start(Options { faults, ..Options::default() }).await.unwrap();
    let shop = Client::new(stack.url(), tenants::create(&stack, "shop", &[]).await.unwrap());
    let mails: Vec<Mail> = (0..DELIVERIES).map(Mail::random).collect();

    let acknowledged = send_all(&shop, &mails).await;
    quiet(&stack).await;
    let accepted = watch.accepted();
    watch.is_calm.store(true, Ordering::SeqCst);
    // A sender may not have been told of all that reached the queue, but what it was told is so.
    assert!(acknowledged.iter().all(|id| accepted.contains_key(id)));
    let known = fates(&shop).await;
    assert!(known.keys().eq(accepted.keys()), "{} accepted, {} known", accepted.len(), known.len());
    let found = counts(&known);
    assert_eq!(found.values().sum::<usize>(), accepted.len());
    // One message in some hundreds fails five times in a row by chance, too.
    let expected_dead = expected(&accepted, &mails, true)["dead_lettered"];
    assert!(found["dead_lettered"] >= expected_dead, "{found:?}");

    watch.is_broken.store(false, Ordering::SeqCst);
    watch.is_calm.store(false, Ordering::SeqCst);
    while has_dead(&shop).await {
        redrive(&shop).await;
        quiet(&stack).await;
    }
    watch.is_calm.store(true, Ordering::SeqCst);
    assert_eq!(counts(&fates(&shop).await), expected(&accepted, &mails, false));
    // The alarm sees no gap either: all that was counted as accepted was counted as something in the end.
    let counted =
        |metrics: &[Metric]| metrics.iter().map(|metric| stack.metrics().counted(*metric)).sum::<u64>();
    let ends = [
        Metric::DeliveriesApplied,
        Metric::DeliveriesDuplicate,
        Metric::DeliveriesStale,
        Metric::DeliveriesUnhandled,
        Metric::DeliveriesQuarantined,
        Metric::DeliveriesDead,
    ];
    assert!(counted(&ends) >= counted(&[Metric::DeliveriesAccepted]));
    stack.stop().await;
}
