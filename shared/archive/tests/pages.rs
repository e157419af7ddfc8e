//! Reading an archive of many objects, page by page.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use archive::{Archive, Archived, Listed};
use domain::ids::TenantId;
use domain::time::SECOND_MS;
use providers::{Provider, SealedDelivery};
use store::{Paging, Span};
use testkit::{BUCKET, Stack};

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

/// Archives so many deliveries, each as an object of its own; their ids, oldest first.
async fn archived(stack: &Stack, archive: &Archive, count: usize, apart_ms: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let received_at = stack.clock.now();
        let delivery_id = stack.clock.mint_at("dlv", received_at);
        let sealed = SealedDelivery {
            delivery_id: delivery_id.clone(),
            tenant: tenant(),
            provider: Provider::Convin,
            received_at,
            body: String::new(),
            seal: String::new(),
            replayed_at: None,
        };
        assert!(archive.keep(vec![Archived { sealed, told: [].into(), about: None }]).await.is_empty());
        ids.push(delivery_id);
        stack.clock.advance(apart_ms);
    }
    ids
}

/// The ids on each page.
async fn pages(archive: &Archive, limit: usize, keep: impl Fn(&Listed) -> bool) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let paging = Paging { span: Span::ALL, after: after.as_ref(), limit, newest_first: true };
        let page = archive.page(&tenant(), paging, &keep).await.unwrap();
        pages.push(page.items.into_iter().map(|one| one.delivery_id).collect());
        after = page.next;
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_second_of_more_objects_than_one_request_lists_is_read_whole() {
    let stack = testkit::stack();
    let archive = Archive::new(stack.host(&[]).aws.s3(), BUCKET.to_owned());
    let mut expected = archived(&stack, &archive, 1_010, 0).await;
    expected.sort();
    let listed = pages(&archive, 2_000, |_| true).await;
    let mut listed: Vec<_> = listed.concat();
    listed.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_page_that_reads_much_and_finds_little_ends_early_and_the_next_goes_on() {
    let stack = testkit::stack();
    let archive = Archive::new(stack.host(&[]).aws.s3(), BUCKET.to_owned());
    let all = archived(&stack, &archive, 450, SECOND_MS).await;
    let oldest = all[0].clone();
    let pages = pages(&archive, 50, |one| one.delivery_id == oldest).await;
    assert_eq!(pages, [vec![], vec![oldest]]);
}
