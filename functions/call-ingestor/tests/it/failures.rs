use call_ingestor::App;
use domain::ids::TenantId;
use providers::Provider;

use crate::{ENDED, INTENT, STARTED, about, app, handled, message, messages, of_convin, sealed};

#[tokio::test]
async fn a_message_that_was_not_sealed_by_us_for_its_tenant_fails_alone() {
    let stack = testkit::stack();
    let (demo, acme) = (stack.tenant("demo").await, stack.tenant("acme").await);
    let good = sealed(&stack, &demo, Provider::Convin, &about("good", STARTED));
    let mut moved = sealed(&stack, &acme, Provider::Convin, &about("moved", STARTED));
    moved.tenant = demo.id.clone();
    let mut altered = sealed(&stack, &demo, Provider::Convin, &about("altered", STARTED));
    altered.body = sealed(&stack, &demo, Provider::Convin, &about("other", STARTED)).body;
    let mut unknown = good.clone();
    unknown.tenant = TenantId::parse("nobody").unwrap();
    let bodies = [
        message(&moved),
        message(&good),
        message(&altered),
        message(&unknown),
        "{}".to_owned(),
        STARTED.to_owned(),
    ];
    assert_eq!(handled(&app(&stack), bodies).await, ["m0", "m2", "m3", "m4", "m5"]);
    assert!(of_convin(&stack, &demo, "good").await.is_some());
    for call in ["moved", "altered", "other", "call-12345"] {
        assert_eq!(of_convin(&stack, &demo, call).await, None, "{call}");
    }
}

#[tokio::test]
async fn an_interaction_that_cannot_be_written_brings_back_exactly_the_messages_that_tell_of_it() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let host = stack.failing_host(&[], |operation, body| operation == "PutItem" && body.contains("call-b"));
    let failing = App::connect(&host).unwrap();
    let bodies = [
        about("call-a", STARTED),
        about("call-b", STARTED),
        about("call-a", ENDED),
        about("call-c", INTENT),
        about("call-b", ENDED),
    ];
    let batch = messages(&stack, &tenant, &bodies);
    assert_eq!(handled(&failing, batch.clone()).await, ["m1", "m4"]);
    assert_eq!(of_convin(&stack, &tenant, "call-a").await.unwrap().sections.len(), 2);
    assert_eq!(of_convin(&stack, &tenant, "call-c").await.unwrap().sections.len(), 1);
    assert_eq!(of_convin(&stack, &tenant, "call-b").await, None);
    let again = [batch[1].clone(), batch[4].clone()];
    assert!(handled(&app(&stack), again).await.is_empty());
    assert_eq!(of_convin(&stack, &tenant, "call-b").await.unwrap().sections.len(), 2);
}

#[tokio::test]
async fn while_the_table_does_not_answer_every_message_comes_back() {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let failing = App::connect(&stack.failing_host(&[], |_, _| true)).unwrap();
    let batch = messages(&stack, &tenant, &[about("a", STARTED), about("b", STARTED)]);
    assert_eq!(handled(&failing, batch).await, ["m0", "m1"]);
}

#[tokio::test]
async fn an_empty_batch_has_no_failures() {
    let stack = testkit::stack();
    assert!(handled(&app(&stack), []).await.is_empty());
}
