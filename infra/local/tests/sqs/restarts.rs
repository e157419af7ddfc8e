//! What a queue file holds after its process ended, well or not.

use std::path::Path;

use crae::sqs::QueueSpec;

use crate::local::{Local, bodies, receipt, with_redrive};

#[tokio::test]
async fn a_reopened_file_shows_waiting_delayed_and_in_flight_messages() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sqs.db");
    let before = Local::open(Some(&file), with_redrive(2)).await;
    before.send("in flight").await;
    let held = receipt(&before.receive().await);
    before.send("waiting").await;
    let send = before.client.send_message().queue_url(&before.url);
    let send = send.message_body("delayed").delay_seconds(900);
    send.send().await.unwrap();
    assert_eq!(before.counts().await, (1, 1, 1));
    drop(before);

    let after = Local::open(Some(&file), with_redrive(2)).await;
    assert_eq!(after.counts().await, (2, 0, 1));
    after.delete(&held).await;
    assert_eq!(bodies(&after.receive().await), ["waiting"]);
    after.pass_s(900);
    assert!(bodies(&after.receive().await).contains(&"delayed"));
}

#[tokio::test]
async fn an_answered_send_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sqs.db");
    let local = Local::open(Some(&file), QueueSpec::new("calls")).await;
    for number in 0..50 {
        local.send(&number.to_string()).await;
    }
    // What a killed process leaves is what its files hold while it still runs.
    let left = directory.path().join("left.db");
    for suffix in ["", "-wal"] {
        let of = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(of(&file), of(&left)).unwrap();
    }
    let after = Local::open(Some(&left), QueueSpec::new("calls")).await;
    assert_eq!(after.counts().await, (50, 0, 0));
}
