use aws_sdk_dynamodb::types::AttributeValue;

use super::*;

#[tokio::test]
async fn a_run_credits_every_conversion_once_and_adds_up_to_the_cent() {
    let shop = Shop::stocked().await;
    let run = shop.new_run(ModelCode::Linear).await;
    let start = shop.executed(&run).await;
    shop.drain(&shop.app(), [start]).await;
    let published = shop.published(&run).await;
    assert_eq!(published.credited.len(), 7);
    let usd = published.totals.0[&Currency::parse("USD").unwrap()];
    assert_eq!((usd.conversions, usd.amount_minor), (4, 10_001 + 10_003 + 10_005 + 777));
    assert_eq!((usd.attributed_minor, usd.unattributed_minor), (30_009, 777));
    let jpy = published.totals.0[&Currency::parse("JPY").unwrap()];
    assert_eq!((jpy.attributed_minor, jpy.unattributed_minor), (10_002 + 10_004 + 10_006, 0));
    for conversion in published.credited.values().filter(|conversion| !conversion.credits.is_empty()) {
        let amounts: Vec<_> = conversion.credits.iter().map(|credit| credit.amount_minor).collect();
        let half = conversion.amount.minor / 2;
        assert_eq!(amounts, [half + conversion.amount.minor % 2, half]);
        assert_eq!(conversion.credits[0].agent_id.as_deref(), Some("ann"));
    }
    // Nothing is left for the sweeper.
    assert!(shop.table.active_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_without_conversions_completes_with_nothing() {
    let shop = Shop::open().await;
    let run = shop.new_run(ModelCode::TimeDecay).await;
    let start = shop.executed(&run).await;
    shop.drain(&shop.app(), [start]).await;
    assert!(shop.published(&run).await.credited.is_empty());
}

#[tokio::test]
async fn every_message_may_come_twice_and_to_two_workers_at_once() {
    let shop = Shop::stocked().await;
    let app = shop.app();
    let (single, doubled) =
        (shop.new_run(ModelCode::TimeDecay).await, shop.new_run(ModelCode::TimeDecay).await);
    let start = shop.executed(&single).await;
    shop.drain(&app, [start]).await;
    let mut pending = vec![shop.executed(&doubled).await];
    let mut seen = Vec::new();
    while let Some(message) = pending.pop() {
        let (first, second) = tokio::join!(shop.handled(&app, &message), shop.handled(&app, &message));
        assert!(!first && !second);
        seen.push(message);
        pending.extend(shop.sent().into_iter().filter(|sent| !seen.contains(sent)));
    }
    assert_eq!(shop.published(&doubled).await, shop.published(&single).await);
    // Late repetitions, after the run is over, change nothing and start nothing.
    for message in &seen {
        assert!(!shop.handled(&app, message).await);
    }
    assert!(shop.sent().is_empty());
    assert_eq!(shop.published(&doubled).await, shop.published(&single).await);
}

#[tokio::test]
async fn of_a_run_that_is_cancelled_at_any_step_nothing_is_published_until_it_is_executed_again() {
    let shop = Shop::stocked().await;
    let app = shop.app();
    let clean = shop.new_run(ModelCode::Linear).await;
    shop.drain(&app, [shop.executed(&clean).await]).await;
    let expected = shop.published(&clean).await;
    for steps in 0..8 {
        let run = shop.new_run(ModelCode::Linear).await;
        let mut pending = std::collections::VecDeque::from([shop.executed(&run).await]);
        for _ in 0..steps {
            let Some(message) = pending.pop_front() else { break };
            assert!(!shop.handled(&app, &message).await);
            pending.extend(shop.sent());
        }
        let now = shop.stack.clock.now();
        let cancelled = shop.reread(&run).await.cancelled(now);
        assert!(shop.table.replace_run(&shop.tenant.id, &cancelled).await.unwrap());
        shop.drain(&app, pending).await;
        assert_eq!(shop.reread(&run).await.status, RunStatus::Cancelled, "after {steps} steps");
        shop.swept().await;
        assert!(shop.table.active_runs().await.unwrap().iter().all(|active| active.run_id != run.run_id));

        let reopened = shop.reread(&run).await.reopened();
        assert!(shop.table.replace_run(&shop.tenant.id, &reopened).await.unwrap());
        shop.drain(&app, [shop.executed(&shop.reread(&run).await).await]).await;
        assert_eq!(shop.published(&run).await, expected, "after {steps} steps");
    }
}

#[tokio::test]
async fn a_worker_of_an_earlier_execution_cannot_commit() {
    let shop = Shop::stocked().await;
    let app = shop.app();
    let run = shop.new_run(ModelCode::Linear).await;
    let start = shop.executed(&run).await;
    shop.handled(&app, &start).await;
    let old_tasks = shop.sent();
    let old = shop.reread(&run).await;
    let old_rows = shop.table.tasks(&shop.tenant.id, &old, Stage::Plan).await.unwrap();
    let mut failed = old.clone();
    failed.status = RunStatus::Failed;
    assert!(shop.table.replace_run(&shop.tenant.id, &failed).await.unwrap());
    let restart = shop.executed(&shop.reread(&run).await).await;
    shop.drain(&app, [restart]).await;
    let published = shop.published(&run).await;
    for task in &old_tasks {
        assert!(!shop.handled(&app, task).await);
    }
    for row in old_rows {
        let late = store::Task { attempt: Some("att_late".to_owned()), ..row };
        assert!(!shop.table.write_task(&shop.tenant.id, &old, &late).await.unwrap());
    }
    assert_eq!(shop.published(&run).await, published);
}

#[tokio::test]
async fn facts_received_after_execute_do_not_count() {
    for model in [ModelCode::Linear, ModelCode::DataDriven] {
        let shop = Shop::stocked().await;
        let (before, after) = (shop.new_run(model).await, shop.new_run(model).await);
        let start = shop.executed(&before).await;
        shop.drain(&shop.app(), [start]).await;
        let start = shop.executed(&after).await;
        shop.stack.clock.advance(1);
        shop.convert("late", "c0", at("2026-02-01T00:00:00Z"), (5_000, "USD")).await;
        shop.touch("late", &["c1"], at("2026-01-31T05:00:00Z"), "eve").await;
        // Of somebody who did not convert, far from all that was known.
        shop.touch("later", &["l1"], at("2026-03-31T05:00:00Z"), "eve").await;
        shop.drain(&shop.app(), [start]).await;
        assert_eq!(shop.published(&after).await, shop.published(&before).await);
    }
}

#[tokio::test]
async fn a_run_whose_credits_do_not_add_up_publishes_nothing_and_begins_anew_until_it_has_failed_three_times()
{
    let shop = Shop::stocked().await;
    let app = shop.app();
    let run = shop.new_run(ModelCode::Linear).await;
    let mut messages = vec![shop.executed(&run).await];
    for (execution, order) in (1..).zip(["alone", "o0", "o1"]) {
        withdrawn_between_planning_and_crediting(&shop, &app, (order, messages)).await;
        let known = shop.reread(&run).await;
        assert_eq!(known.epoch, (execution + 1).min(3));
        messages = shop.sent();
    }
    let failed = shop.reread(&run).await;
    assert_eq!(failed.status, RunStatus::Failed);
    assert!(failed.failure.unwrap().contains("add up"));
    assert!(messages.is_empty(), "{messages:?}");
    // Executed once more, it starts over with what there is.
    let restart = shop.executed(&shop.reread(&run).await).await;
    shop.drain(&app, [restart]).await;
    assert_eq!(shop.published(&run).await.credited.len(), 4);
}

#[tokio::test]
async fn a_conversion_that_is_withdrawn_while_a_run_is_executed_costs_it_another_execution_and_no_more() {
    for is_lost in [false, true] {
        let shop = Shop::stocked().await;
        let app = shop.app();
        let run = shop.new_run(ModelCode::Linear).await;
        let start = vec![shop.executed(&run).await];
        withdrawn_between_planning_and_crediting(&shop, &app, ("alone", start)).await;
        let again = shop.reread(&run).await;
        assert_eq!((again.status, again.epoch), (RunStatus::Running, 2));
        // The sweeper makes up for a message that is lost.
        let sent = shop.sent();
        let messages = if is_lost { shop.swept().await } else { sent };
        shop.drain(&app, messages).await;
        assert_eq!(shop.published(&run).await.credited.len(), 6);
        assert_eq!(shop.reread(&run).await.epoch, 2);
    }
}

/// Plans what these messages ask for, lets a planned conversion disappear, and credits.
async fn withdrawn_between_planning_and_crediting(
    shop: &Shop,
    app: &App,
    (order, mut messages): (&str, Vec<RunMessage>),
) {
    let credits = |message: &RunMessage| matches!(message, RunMessage::Task { stage: Stage::Execute, .. });
    while !messages.iter().any(credits) {
        for message in messages {
            assert!(!shop.handled(app, &message).await);
        }
        messages = shop.sent();
        assert!(!messages.is_empty(), "nothing is credited");
    }
    withdraw(shop, order).await;
    for message in messages {
        assert!(!shop.handled(app, &message).await);
    }
}

async fn withdraw(shop: &Shop, order: &str) {
    let id = domain::ids::FactId::conversion(&shop.tenant.id, &ExternalId::parse(order).unwrap());
    let key = store::keys::fact(&shop.tenant.id, &id);
    let delete = shop.stack.host(&[]).aws.dynamodb().delete_item().table_name(testkit::TABLE);
    let delete = delete.key("pk", AttributeValue::S(key.pk)).key("sk", AttributeValue::S(key.sk));
    delete.send().await.unwrap();
}

#[tokio::test]
async fn a_run_whose_messages_are_lost_is_sent_on_its_way_by_the_sweeper() {
    for model in [ModelCode::PositionBased, ModelCode::DataDriven] {
        let shop = Shop::stocked().await;
        let app = shop.app();
        let run = shop.new_run(model).await;
        let start = shop.executed(&run).await;
        assert!(!shop.handled(&app, &start).await);
        // All that was sent is lost, again and again: each tick goes on from what is committed.
        let mut ticks = 0;
        while shop.reread(&run).await.status == RunStatus::Running {
            drop(shop.sent());
            for message in shop.swept().await {
                shop.handled(&app, &message).await;
                if let Some(task) = shop.sent().into_iter().next() {
                    shop.handled(&app, &task).await;
                }
            }
            ticks += 1;
            assert!(ticks < 80, "it stands still");
        }
        shop.published(&run).await;
    }
}

#[tokio::test]
async fn a_run_that_stands_still_for_half_an_hour_is_failed() {
    let shop = Shop::stocked().await;
    let run = shop.new_run(ModelCode::Linear).await;
    let start = shop.executed(&run).await;
    assert!(!shop.handled(&shop.app(), &start).await);
    shop.stack.clock.advance(31 * MINUTE_MS);
    shop.swept().await;
    let failed = shop.reread(&run).await;
    assert_eq!(failed.status, RunStatus::Failed);
    assert!(failed.failure.unwrap().contains("stood still"));
    assert!(shop.table.active_runs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_of_several_models_publishes_what_a_run_of_each_alone_does() {
    let shop = Shop::stocked().await;
    let [first, more @ ..] = ModelCode::ALL;
    let together = shop.new_run_by(first, &more).await;
    let start = shop.executed(&together).await;
    shop.drain(&shop.app(), [start]).await;
    let published = shop.published_by_each(&together).await;
    for (model, together) in ModelCode::ALL.into_iter().zip(published) {
        let alone = shop.new_run_by(model, &[]).await;
        let start = shop.executed(&alone).await;
        shop.drain(&shop.app(), [start]).await;
        assert_eq!(shop.published(&alone).await, together, "{model:?}");
    }
}

#[tokio::test]
async fn the_same_is_published_however_little_a_task_plans_and_credits() {
    let shop = Shop::stocked().await;
    let mut published = Vec::new();
    for (most, executed) in [(1, 1), (2, 5_000), (3, 3), (5_000, 5_000), (5_000, 2)] {
        let run = shop.new_run(ModelCode::TimeDecay).await;
        let start = shop.executed(&run).await;
        shop.drain(&shop.app().in_tasks_of(most, executed), [start]).await;
        let run = shop.reread(&run).await;
        let planned = shop.table.tasks(&shop.tenant.id, &run, Stage::Plan).await.unwrap();
        // Seven conversions in six hours of two months.
        let tasks = if most == 5_000 { 2 } else { 3.max(6 / most) };
        assert!(planned.len() >= tasks, "{} tasks that plan {most}", planned.len());
        let credited = shop.table.tasks(&shop.tenant.id, &run, Stage::Execute).await.unwrap();
        let is_right = if executed == 5_000 { credited.len() == 1 } else { credited.len() > 1 };
        assert!(is_right, "{} tasks that credit {executed}", credited.len());
        published.push(shop.published(&run).await);
    }
    published.iter().for_each(|one| assert_eq!(*one, published[0]));
}

#[tokio::test]
async fn what_a_worker_is_at_is_sent_again_only_when_it_must_have_ended() {
    let shop = Shop::stocked().await;
    let app = shop.app();
    let run = shop.new_run(ModelCode::Linear).await;
    let start = shop.executed(&run).await;
    shop.handled(&app, &start).await;
    let lost = shop.sent();
    let run = shop.reread(&run).await;
    for row in shop.table.tasks(&shop.tenant.id, &run, Stage::Plan).await.unwrap() {
        let begun = store::Task { begun_at: Some(shop.stack.clock.now()), ..row };
        assert!(shop.table.write_task(&shop.tenant.id, &run, &begun).await.unwrap());
    }
    // The sweeper looks at it after two minutes and after four.
    assert!(shop.swept().await.is_empty());
    assert!(shop.swept().await.is_empty());
    // Asked to advance meanwhile, an executor sends nothing either.
    assert!(!shop.handled(&app, &start).await);
    assert!(shop.sent().is_empty());
    for message in shop.swept().await {
        assert!(!shop.handled(&app, &message).await);
    }
    let names = |messages: &[RunMessage]| -> BTreeSet<String> {
        messages.iter().map(|message| format!("{message:?}")).collect()
    };
    let again = shop.sent();
    assert_eq!(names(&again), names(&lost));
    shop.drain(&app, again).await;
    shop.published(&run).await;
}

#[tokio::test]
async fn a_worker_that_gives_up_leaves_its_task_to_be_sent_again_at_once() {
    let shop = Shop::stocked().await;
    let run = shop.new_run(ModelCode::Linear).await;
    let start = shop.executed(&run).await;
    shop.handled(&shop.app(), &start).await;
    let refusing = shop.stack.failing_host(&QUEUE, |operation, _| operation == "BatchWriteItem");
    let app = App::connect(&refusing).unwrap();
    let sent = shop.sent();
    for task in &sent {
        assert!(shop.handled(&app, task).await);
    }
    assert_eq!(shop.swept().await, std::slice::from_ref(&start));
    assert!(!shop.handled(&shop.app(), &start).await);
    assert_eq!(shop.sent().len(), sent.len());
}
