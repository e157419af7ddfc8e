//! Runs that a schedule starts.

use domain::run::RunConfig;
use domain::schedule::{Clock, Every, Timing, Weekday};
use store::Schedule;

use super::*;

/// No run of the day gets between.
async fn open() -> Shop {
    Shop::with(Settings { daily_run_days: 0, ..Settings::default() }).await
}

async fn scheduled(shop: &Shop, id: &str, every: Every, at: &str) -> Schedule {
    let timing = Timing { every, weekday: Weekday::Monday, day_of_month: 1, at: Clock::parse(at).unwrap() };
    let now = shop.stack.clock.now();
    let schedule = Schedule {
        schedule_id: id.to_owned(),
        name: "Weekly".to_owned(),
        config: RunConfig::usual(ModelCode::Linear),
        more_models: vec![ModelCode::W],
        timing,
        last_days: 7,
        created_at: now,
        due_at: timing.next_after(shop.tenant.settings.zone(), now),
        last_run_id: None,
        ended_at: None,
        revision: 0,
    };
    shop.stack.table().create_schedule(&shop.tenant.id, schedule).await.unwrap()
}

async fn reread(shop: &Shop, schedule: &Schedule) -> Schedule {
    let found = shop.stack.table().schedule(&shop.tenant.id, &schedule.schedule_id).await;
    found.unwrap().unwrap()
}

async fn advance_to(shop: &Shop, moment: Timestamp) {
    shop.stack.clock.advance(moment.since(shop.stack.clock.now()));
}

#[tokio::test]
async fn a_run_starts_when_it_is_due_with_the_days_before_and_again_a_period_later() {
    let shop = open().await;
    let schedule = scheduled(&shop, "sch_1", Every::Week, "06:00").await;
    assert_eq!(schedule.due_at, Timestamp::parse("2026-11-23T06:00:00Z").unwrap());
    advance_to(&shop, schedule.due_at.plus_ms(-1)).await;
    assert!(shop.tick().await.runs.is_empty());
    shop.stack.clock.advance(1);
    assert_eq!(shop.tick().await.runs.len(), 1);
    let run = &shop.runs().await[0];
    assert_eq!((run.name.as_str(), days(run)), ("Weekly of 2026-11-23", ("2026-11-16", "2026-11-22")));
    assert_eq!((run.status, run.models()), (RunStatus::Running, vec![ModelCode::Linear, ModelCode::W]));
    let after = reread(&shop, &schedule).await;
    assert_eq!(after.due_at, Timestamp::parse("2026-11-30T06:00:00Z").unwrap());
    assert_eq!(after.last_run_id.as_ref(), Some(&run.run_id));
    assert!(shop.tick().await.runs.is_empty());
    advance_to(&shop, after.due_at).await;
    shop.tick().await;
    assert_eq!(shop.runs().await.len(), 2);
}

#[tokio::test]
async fn times_that_passed_unseen_are_made_up_for_once() {
    let shop = open().await;
    let schedule = scheduled(&shop, "sch_1", Every::Day, "06:00").await;
    shop.stack.clock.advance(5 * DAY_MS);
    assert_eq!(shop.tick().await.runs.len(), 1);
    assert_eq!(days(&shop.runs().await[0]), ("2026-11-15", "2026-11-21"));
    let next = reread(&shop, &schedule).await.due_at;
    assert_eq!(next, Timestamp::parse("2026-11-27T06:00:00Z").unwrap());
}

#[tokio::test]
async fn by_a_schedule_that_was_ended_nothing_starts() {
    let shop = open().await;
    let schedule = scheduled(&shop, "sch_1", Every::Day, "06:00").await;
    let kept = scheduled(&shop, "sch_2", Every::Day, "06:00").await;
    let now = shop.stack.clock.now();
    assert!(shop.stack.table().end_schedule(&shop.tenant.id, &schedule, now).await.unwrap());
    // Who read it before cannot write any more.
    assert!(!shop.stack.table().end_schedule(&shop.tenant.id, &schedule, now).await.unwrap());
    let listed = shop.stack.table().schedules(&shop.tenant.id).await.unwrap();
    assert_eq!(listed.iter().map(|one| &one.schedule_id).collect::<Vec<_>>(), [&kept.schedule_id]);
    advance_to(&shop, schedule.due_at).await;
    assert_eq!(shop.tick().await.runs.len(), 1);
    assert!(shop.stack.table().due(shop.stack.clock.now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn whatever_call_a_tick_dies_at_one_run_starts() {
    let mut nth = 1;
    loop {
        let shop = open().await;
        let schedule = scheduled(&shop, "sch_1", Every::Day, "06:00").await;
        advance_to(&shop, schedule.due_at).await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let refuses = move |_: &str, _: &str| counted.fetch_add(1, Ordering::SeqCst) + 1 >= nth;
        let host = shop.stack.failing_host(&ENV, refuses);
        drop(attribution_scheduler::handle(App::connect(&host).unwrap()).await);
        let died = calls.load(Ordering::SeqCst) >= nth;
        shop.tick().await;
        shop.tick().await;
        assert_eq!(shop.runs().await.len(), 1, "died at call {nth}");
        assert_eq!(shop.runs().await[0].status, RunStatus::Running);
        assert!(reread(&shop, &schedule).await.due_at > schedule.due_at, "died at call {nth}");
        assert!(shop.stack.table().due(shop.stack.clock.now()).await.unwrap().is_empty());
        if !died {
            break;
        }
        nth += 1;
    }
    assert!(nth > 20, "a tick makes more calls than {nth}");
}
