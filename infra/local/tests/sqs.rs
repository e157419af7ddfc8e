//! The embedded SQS as its two kinds of client see it: the AWS SDK over HTTP, and the stack itself.

#[path = "sqs/local.rs"]
mod local;
#[path = "sqs/restarts.rs"]
mod restarts;
#[path = "sqs/waiting.rs"]
mod waiting;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use crae::sqs::{MESSAGE_LIMIT_BYTES, QueueSpec, Redrive, SqsError};

use local::{Local, START_MS, attribute, bodies, receipt, with_redrive};

#[tokio::test]
async fn a_message_arrives_as_it_was_sent_and_is_gone_once_deleted() {
    let local = Local::start().await;
    let body = "{\"caller\":\"नमस्ते 😀\",\"note\":\"tab\\t, nul \\u0000, \u{1}\u{0}\"}";
    let send = local.client.send_message().queue_url(&local.url);
    let sent = send.message_body(body).message_group_id("tenant-1").send().await.unwrap();
    let md5 = format!("{:x}", md5::compute(body));
    assert_eq!(sent.md5_of_message_body(), Some(md5.as_str()));

    let received = local.receive().await;
    assert_eq!(bodies(&received), [body]);
    let message = &received[0];
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), Some(md5.as_str()));
    let now = START_MS.to_string();
    for (name, value) in [
        (MessageSystemAttributeName::ApproximateReceiveCount, "1"),
        (MessageSystemAttributeName::SentTimestamp, &now),
        (MessageSystemAttributeName::ApproximateFirstReceiveTimestamp, &now),
        (MessageSystemAttributeName::MessageGroupId, "tenant-1"),
    ] {
        assert_eq!(attribute(message, name), Some(value));
    }

    assert_eq!(local.counts().await, (0, 1, 0));
    local.delete(&receipt(&received)).await;
    assert_eq!(local.counts().await, (0, 0, 0));
}

#[tokio::test]
async fn a_message_of_one_mebibyte_is_taken_and_one_byte_more_is_refused() {
    let local = Local::start().await;
    let largest = "x".repeat(MESSAGE_LIMIT_BYTES);
    local.send(&largest).await;
    assert_eq!(bodies(&local.receive().await), [&largest]);

    // Escaped, this is six times as long on the wire.
    let escaped = "\u{1}".repeat(MESSAGE_LIMIT_BYTES);
    local.send(&escaped).await;

    for too_long in [format!("{largest}x"), largest.repeat(7)] {
        let send = local.client.send_message().queue_url(&local.url);
        let refused = send.message_body(too_long).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidParameterValue"));
        assert!(refused.message().unwrap().contains("1048576"));
    }
    let send = local.client.send_message().queue_url(&local.url);
    let refused = send.message_body("").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("MissingParameter"));
}

#[tokio::test]
async fn a_delayed_message_shows_when_its_delay_is_over() {
    let local = Local::with(QueueSpec { delay_s: 60, ..QueueSpec::new("calls") }).await;
    local.send("by the queue").await;
    for (body, delay_s) in [("by itself", 900), ("at once", 0)] {
        let send = local.client.send_message().queue_url(&local.url);
        let send = send.message_body(body).delay_seconds(delay_s);
        send.send().await.unwrap();
    }
    assert_eq!(local.counts().await, (1, 0, 2));
    assert_eq!(bodies(&local.receive().await), ["at once"]);
    local.pass_s(59);
    assert!(bodies(&local.receive().await).contains(&"at once"));
    local.pass_s(1);
    assert_eq!(bodies(&local.receive().await), ["by the queue"]);
    local.pass_s(840);
    assert!(bodies(&local.receive().await).contains(&"by itself"));

    let send = local.client.send_message().queue_url(&local.url);
    let send = send.message_body("too late").delay_seconds(901);
    let refused = send.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_message_not_deleted_in_time_comes_again_under_a_new_receipt() {
    let local = Local::start().await;
    local.send("again").await;
    let first = local.receive().await;
    local.pass_s(29);
    assert!(local.receive().await.is_empty());
    local.pass_s(1);
    let second = local.receive().await;
    assert_eq!(bodies(&second), ["again"]);
    assert_ne!(receipt(&first), receipt(&second));
    let count = attribute(&second[0], MessageSystemAttributeName::ApproximateReceiveCount);
    assert_eq!(count, Some("2"));

    local.delete(&receipt(&first)).await;
    assert_eq!(local.counts().await, (0, 1, 0));
    let outdated = local.hide(&receipt(&first), 0).await;
    assert_eq!(outdated, Err("InvalidParameterValue".to_owned()));
    local.delete(&receipt(&second)).await;
    assert_eq!(local.counts().await, (0, 0, 0));
}

#[tokio::test]
async fn visibility_changes_while_a_message_is_in_flight_and_not_after() {
    let local = Local::start().await;
    local.send("slow").await;
    let slow = receipt(&local.receive().await);
    local.hide(&slow, 600).await.unwrap();
    local.pass_s(599);
    assert!(local.receive().await.is_empty());
    local.hide(&slow, 0).await.unwrap();
    assert_eq!(local.counts().await, (1, 0, 0));

    local.hide(&slow, 600).await.unwrap();
    assert_eq!(local.counts().await, (1, 0, 0));

    let receive = local.client.receive_message().queue_url(&local.url);
    let received = receive.visibility_timeout(5).send().await.unwrap();
    assert_eq!(received.messages().len(), 1);
    local.pass_s(5);
    assert_eq!(local.counts().await, (1, 0, 0));
}

#[tokio::test]
async fn one_bad_entry_fails_alone_in_its_batch() {
    let local = Local::start().await;
    let entry = |id: &str, delay_s| {
        let entry = SendMessageBatchRequestEntry::builder().id(id);
        let entry = entry.message_body(format!("body {id}"));
        entry.delay_seconds(delay_s).build().unwrap()
    };
    let entries = vec![entry("a", 0), entry("b", 901), entry("c", 0)];
    let send = local.client.send_message_batch().queue_url(&local.url);
    let answer = send.set_entries(Some(entries)).send().await.unwrap();
    let sent: Vec<_> = answer.successful().iter().map(|sent| sent.id()).collect();
    assert_eq!(sent, ["a", "c"]);
    let failed = &answer.failed()[0];
    assert_eq!((failed.id(), failed.sender_fault()), ("b", true));
    assert_eq!(failed.code(), "InvalidParameterValue");

    let received = local.receive().await;
    assert_eq!(bodies(&received), ["body a", "body c"]);
    let receipts = [receipt(&received), "nonsense".to_owned()];
    let entries = receipts.iter().zip(["good", "bad"]).map(|(receipt, id)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(receipt).build().unwrap()
    });
    let delete = local.client.delete_message_batch().queue_url(&local.url);
    let answer = delete.set_entries(Some(entries.collect()));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.successful()[0].id(), "good");
    assert_eq!(answer.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(local.counts().await, (0, 1, 0));

    let twice = vec![entry("a", 0), entry("a", 0)];
    let send = local.client.send_message_batch().queue_url(&local.url);
    let refused = send.set_entries(Some(twice)).send().await.unwrap_err();
    assert!(refused.into_service_error().is_batch_entry_ids_not_distinct());
}

#[tokio::test]
async fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let local = Local::with(with_redrive(2)).await;
    local.send("poison").await;
    local.pass_s(5);
    for _ in 0..2 {
        assert_eq!(bodies(&local.receive().await), ["poison"]);
        local.pass_s(30);
    }
    let dead_url = local.queues.url("calls-dead");
    assert!(local.receive_from(&dead_url).await.is_empty());
    assert!(local.receive().await.is_empty());
    let dead = local.receive_from(&dead_url).await;
    assert_eq!(bodies(&dead), ["poison"]);
    let (sent_ms, first_ms) = (START_MS.to_string(), (START_MS + 5000).to_string());
    for (name, value) in [
        (MessageSystemAttributeName::SentTimestamp, sent_ms.as_str()),
        (MessageSystemAttributeName::ApproximateFirstReceiveTimestamp, &first_ms),
        (MessageSystemAttributeName::ApproximateReceiveCount, "3"),
        (MessageSystemAttributeName::DeadLetterQueueSourceArn, "arn:aws:sqs:us-east-1:000000000000:calls"),
    ] {
        assert_eq!(attribute(&dead[0], name), Some(value));
    }
}

#[tokio::test]
async fn a_message_past_its_retention_is_gone() {
    let local = Local::with(QueueSpec { retention_s: 60, ..QueueSpec::new("calls") }).await;
    local.send("old").await;
    local.pass_s(60);
    assert_eq!(local.counts().await, (0, 0, 0));
    assert!(local.receive().await.is_empty());
}

#[tokio::test]
async fn queues_tell_their_urls_settings_and_counts() {
    let local = Local::with(with_redrive(5)).await;
    local.send("counted").await;
    let found = local.client.get_queue_url().queue_name("calls");
    let found = found.send().await.unwrap();
    assert_eq!(found.queue_url(), Some(local.url.as_str()));
    let listed = local.client.list_queues().queue_name_prefix("calls-");
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.queue_urls(), [local.queues.url("calls-dead")]);

    let read = local.client.get_queue_attributes().queue_url(&local.url);
    let read = read.attribute_names(QueueAttributeName::All);
    let attributes = read.send().await.unwrap().attributes.unwrap();
    let arn = "arn:aws:sqs:us-east-1:000000000000:calls";
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}-dead","maxReceiveCount":5}}"#);
    for (name, value) in [
        (QueueAttributeName::ApproximateNumberOfMessages, "1"),
        (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "0"),
        (QueueAttributeName::ApproximateNumberOfMessagesDelayed, "0"),
        (QueueAttributeName::QueueArn, arn),
        (QueueAttributeName::VisibilityTimeout, "30"),
        (QueueAttributeName::MessageRetentionPeriod, "345600"),
        (QueueAttributeName::RedrivePolicy, &policy),
    ] {
        assert_eq!(attributes.get(&name).map(String::as_str), Some(value));
    }
}

#[tokio::test]
async fn declaring_a_queue_again_changes_its_settings_and_keeps_its_messages() {
    let local = Local::start().await;
    local.send("kept").await;
    let slower = QueueSpec { visibility_timeout_s: 300, ..QueueSpec::new("calls") };
    let url = local.queues.create(slower).await.unwrap();
    assert_eq!(url, local.url);
    assert_eq!(bodies(&local.receive().await), ["kept"]);
    local.pass_s(299);
    assert_eq!(local.counts().await, (0, 1, 0));

    let orphan = QueueSpec {
        redrive: Some(Redrive { dead_letter_queue: "nowhere".to_owned(), max_receive_count: 3 }),
        ..QueueSpec::new("orphan")
    };
    let refused = local.queues.create(orphan).await.unwrap_err();
    assert!(matches!(refused, SqsError::QueueDoesNotExist(name) if name == "nowhere"));
}

#[tokio::test]
async fn an_unknown_queue_is_the_sdks_typed_error_in_every_operation() {
    let local = Local::start().await;
    let url = local.queues.url("unknown");
    let send = local.client.send_message().queue_url(&url);
    let refused = send.message_body("lost").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert!(refused.message().unwrap().contains("unknown"));
    assert!(refused.into_service_error().is_queue_does_not_exist());
    let receive = local.client.receive_message().queue_url(&url);
    let refused = receive.wait_time_seconds(20).send().await.unwrap_err();
    assert!(refused.into_service_error().is_queue_does_not_exist());
    let find = local.client.get_queue_url().queue_name("unknown");
    let refused = find.send().await.unwrap_err();
    assert!(refused.into_service_error().is_queue_does_not_exist());
    let read = local.client.get_queue_attributes().queue_url(&url);
    let refused = read.send().await.unwrap_err();
    assert!(refused.into_service_error().is_queue_does_not_exist());

    let receive = local.client.receive_message().queue_url("calls");
    let refused = receive.send().await.unwrap_err();
    assert!(refused.into_service_error().is_invalid_address());
    let delete = local.client.delete_message().queue_url(&local.url);
    let refused = delete.receipt_handle("nonsense").send().await.unwrap_err();
    assert!(refused.into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn what_the_local_sqs_lacks_is_refused_by_its_name() {
    let local = Local::start().await;
    let purge = local.client.purge_queue().queue_url(&local.url);
    let refused = purge.send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("PurgeQueue"));
    assert!(refused.into_service_error().is_unsupported_operation());

    let text = MessageAttributeValue::builder().data_type("String");
    let text = text.string_value("7").build().unwrap();
    let send = local.client.send_message().queue_url(&local.url);
    let send = send.message_body("hello").message_attributes("colour", text);
    let refused = send.send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("colour"));
    assert!(refused.into_service_error().is_unsupported_operation());

    let send = local.client.send_message().queue_url(&local.url);
    let send = send.message_body("hello").message_deduplication_id("once");
    let refused = send.send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("MessageDeduplicationId"));

    let receive = local.client.receive_message().queue_url(&local.url);
    let receive = receive.message_system_attribute_names("Colour".into());
    let refused = receive.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidAttributeName"));
    assert_eq!(local.counts().await, (0, 0, 0));
}
