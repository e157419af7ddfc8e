use domain::ids::{FactId, FactKind};
use domain::time::DAY_MS;
use store::{Paging, Span};

use super::*;

#[tokio::test]
async fn what_has_expired_is_not_read_even_while_it_is_still_there() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let table = stack.table();
    let old = stack.clock.now();
    for n in 0..5 {
        table.record_conversion(&tenant, &conversion(&format!("old-{n}"), [email(0)]), old).await.unwrap();
    }
    stack.clock.advance(700 * DAY_MS);
    table.record_conversion(&tenant, &conversion("new", [email(0)]), stack.clock.now()).await.unwrap();
    stack.clock.advance(100 * DAY_MS);
    let now = stack.clock.now();
    let id = |name: &str| FactId::conversion(&tenant.id, &ExternalId::parse(name).unwrap());
    assert!(table.conversion(&tenant, &id("old-0"), now).await.unwrap().is_none());
    assert!(table.conversion(&tenant, &id("new"), now).await.unwrap().is_some());
    let members = BTreeSet::from([tenant.identity().node(&email(0))]);
    let facts = table.facts(&tenant, now);
    for newest_first in [true, false] {
        // A page that holds nothing but expired facts is not the end of the list.
        let page = Paging { span: Span::ALL, after: None, limit: 1, newest_first };
        let timeline = facts.timeline(&members, page, |_| true).await.unwrap();
        assert_eq!(timeline.items.iter().map(|fact| fact.id.clone()).collect::<Vec<_>>(), [id("new")]);
    }
    let page = Paging { span: Span::ALL, after: None, limit: 50, newest_first: true };
    assert_eq!(facts.newest(FactKind::Conversion, page, |_| true).await.unwrap().items.len(), 1);
}
