use std::collections::BTreeMap;

use archive::{Archive, Listed};
use call_ingestor::App;
use domain::ids::ExternalId;
use domain::interaction::Section;
use domain::source::Source;
use providers::Provider;
use runtime::Metric;
use store::{About, Paging, Span, StoredInteraction, Tenant};
use testkit::{BUCKET, Stack};

use crate::{ENDED, STARTED, about, app, handled, message, messages, of_convin, sealed};

const UNKNOWN: &str = r#"{"event_type":"call.transferred","call_id":"a"}"#;

fn archive(stack: &Stack) -> Archive {
    Archive::new(stack.host(&[]).aws.s3(), BUCKET.to_owned())
}

/// Everything in the archive, newest first, page by page.
async fn archived(stack: &Stack, tenant: &Tenant, limit: usize) -> Vec<Listed> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let paging = Paging { span: Span::ALL, after: after.as_ref(), limit, newest_first: true };
        let page = archive(stack).page(&tenant.id, paging, |_| true).await.unwrap();
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn objects(stack: &Stack) -> Vec<String> {
    let answer = stack.host(&[]).aws.s3().list_objects_v2().bucket(BUCKET).send().await.unwrap();
    answer.contents.into_iter().flatten().filter_map(|object| object.key).collect()
}

async fn stored(stack: &Stack, tenant: &Tenant, call: &str) -> StoredInteraction {
    let about = About { source: Source::Convin, external_id: ExternalId::parse(call).unwrap() };
    stack.table().interaction(tenant, &about.id(tenant), stack.clock.now()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_batch_is_one_object_a_tenant_and_the_same_when_it_comes_again() {
    let stack = testkit::stack();
    let (demo, acme) = (stack.tenant("demo").await, stack.tenant("acme").await);
    let batch = [
        messages(&stack, &demo, &[about("a", STARTED), about("b", STARTED), "not json".to_owned()]),
        messages(&stack, &acme, &[about("a", STARTED)]),
    ]
    .concat();
    assert!(handled(&app(&stack), batch.clone()).await.is_empty());
    let first = objects(&stack).await;
    assert_eq!(first.len(), 2);
    assert!(first[0].starts_with("T/acme/") && first[1].starts_with("T/demo/"), "{first:?}");
    assert!(handled(&app(&stack), batch).await.is_empty());
    assert_eq!(objects(&stack).await, first);
    assert_eq!(archived(&stack, &demo, 50).await.len(), 3);
    assert_eq!(archived(&stack, &acme, 50).await.len(), 1);
}

#[tokio::test]
async fn a_delivery_is_found_whole_by_its_id_and_only_by_its_tenant() {
    let stack = testkit::stack();
    let (demo, acme) = (stack.tenant("demo").await, stack.tenant("acme").await);
    let delivery = sealed(&stack, &demo, Provider::Convin, &about("a", STARTED));
    assert!(handled(&app(&stack), [message(&delivery)]).await.is_empty());
    let found = archive(&stack).find(&demo.id, &delivery.delivery_id).await.unwrap().unwrap();
    assert_eq!((&found.sealed.body, &found.sealed.seal), (&delivery.body, &delivery.seal));
    assert_eq!(found.told.first().unwrap().interaction, stored(&stack, &demo, "a").await.id);
    for (tenant, id) in [(&acme, delivery.delivery_id.as_str()), (&demo, "dlv_0"), (&demo, "run_1")] {
        assert!(archive(&stack).find(&tenant.id, id).await.unwrap().is_none(), "{id}");
    }
}

#[tokio::test]
async fn deliveries_are_listed_once_newest_first_however_they_were_batched_and_paged() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let mut deliveries = Vec::new();
    for number in 0..12 {
        let body = about(&format!("call-{number}"), STARTED);
        deliveries.push(sealed(&stack, &tenant, Provider::Convin, &body));
        stack.clock.advance([0, 300, 1_000, 86_400_000][number % 4]);
    }
    let told: Vec<_> = deliveries.iter().map(message).collect();
    // Some in one batch, some alone, some twice, in other company.
    for batch in [&told[..5], &told[5..6], &told[3..9], &told[8..], &told[4..5]] {
        assert!(handled(&app(&stack), batch.to_vec()).await.is_empty());
    }
    let mut expected: Vec<_> =
        deliveries.iter().map(|one| (one.received_at, one.delivery_id.clone())).collect();
    expected.sort();
    expected.reverse();
    for limit in [1, 2, 5, 50] {
        let listed = archived(&stack, &tenant, limit).await;
        let listed: Vec<_> = listed.into_iter().map(|one| (one.received_at, one.delivery_id)).collect();
        assert_eq!(listed, expected, "{limit}");
    }
}

#[tokio::test]
async fn nothing_is_applied_or_kept_without_its_raw_delivery() {
    let stack = testkit::stack();
    let (demo, acme) = (stack.tenant("demo").await, stack.tenant("acme").await);
    let host = stack.failing_host(&[], |operation, body| operation == "PutObject" && body.contains("demo"));
    let batch = [
        messages(&stack, &demo, &[about("a", STARTED), "not json".to_owned()]),
        messages(&stack, &acme, &[about("a", STARTED)]),
    ]
    .concat();
    let failing = App::connect(&host).unwrap();
    assert_eq!(handled(&failing, batch.clone()).await, ["m0", "m1"]);
    assert_eq!(of_convin(&stack, &demo, "a").await, None);
    assert!(of_convin(&stack, &acme, "a").await.is_some());
    assert!(!failing.meter().take().contains_key("deliveries"));
    assert!(handled(&app(&stack), batch).await.is_empty());
    assert!(of_convin(&stack, &demo, "a").await.is_some());
}

#[tokio::test]
async fn a_section_points_to_the_delivery_that_told_it_first_and_duplicates_change_nothing() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let app = app(&stack);
    let deliver = async |body: String| {
        let delivery = sealed(&stack, &tenant, Provider::Convin, &body);
        assert!(handled(&app, [message(&delivery)]).await.is_empty());
        delivery.delivery_id
    };
    let first = deliver(about("a", STARTED)).await;
    let ended = deliver(about("a", ENDED)).await;
    deliver(about("a", STARTED)).await;
    let expected = BTreeMap::from([(Section::Started, first), (Section::Ended, ended.clone())]);
    assert_eq!(stored(&stack, &tenant, "a").await.told_by, expected);
    let later = STARTED.replace("10:30:00Z", "10:31:00Z");
    let later = deliver(about("a", &later)).await;
    let expected = BTreeMap::from([(Section::Started, later), (Section::Ended, ended)]);
    assert_eq!(stored(&stack, &tenant, "a").await.told_by, expected);
}

#[tokio::test]
async fn what_became_of_each_delivery_is_counted() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let host = stack.host(&[]);
    let app = App::connect(&host).unwrap();
    let later = about("a", &STARTED.replace("10:30:00Z", "10:31:00Z"));
    let batch = [later.clone(), about("a", STARTED), later, "not json".to_owned(), UNKNOWN.to_owned()];
    assert!(handled(&app, messages(&stack, &tenant, &batch)).await.is_empty());
    for (metric, count) in [
        (Metric::DeliveriesApplied, 1),
        (Metric::DeliveriesDuplicate, 1),
        (Metric::DeliveriesStale, 1),
        (Metric::DeliveriesQuarantined, 1),
        (Metric::DeliveriesUnhandled, 1),
        (Metric::DeliveriesDead, 0),
    ] {
        assert_eq!(host.metrics.counted(metric), count, "{metric:?}");
    }
}
