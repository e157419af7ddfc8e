//! What a run of DATA_DRIVEN learns before it credits.

use attribution::markov::{Order, Transitions};
use attribution::{Outcome, PathsBuf};
use domain::learned::{Method, NothingLearned};

use super::*;

fn config(learning: Learning) -> RunConfig {
    RunConfig { learning, ..RunConfig::usual(ModelCode::DataDriven) }
}

async fn learned_in(shop: &Shop, config: RunConfig, app: &App) -> Published {
    let run = shop.new_run_of(config).await;
    let start = shop.executed(&run).await;
    shop.drain(app, [start]).await;
    shop.published(&run).await
}

#[tokio::test]
async fn channels_are_worth_what_the_journeys_of_all_tasks_together_say() {
    let shop = Shop::stocked().await;
    for order in 1..=4 {
        let learning = Learning { order, least_conversions: 1, ..Learning::default() };
        let found = learned_in(&shop, config(learning), &shop.app()).await;
        let learned = found.learned.unwrap();
        // Of five who did not convert one had two touches; nobody's conversion is no journey.
        assert_eq!((learned.conversions, learned.nulls), (6, 5));
        let mut paths = PathsBuf::new();
        let [call, chat, email] = [0, 1, 2];
        for _ in 0..4 {
            paths.push(&[email, call], Outcome::converted(0)).unwrap();
            paths.push(&[email], Outcome::NULL).unwrap();
        }
        for _ in 0..2 {
            paths.push(&[chat, call], Outcome::converted(0)).unwrap();
        }
        paths.push(&[email, call], Outcome::NULL).unwrap();
        let effects = Transitions::count(Order::new(order).unwrap(), paths.as_paths()).effects().unwrap();
        let names: Vec<&str> = learned.channels.keys().map(String::as_str).collect();
        assert_eq!(names, ["call", "chat", "email"]);
        for (worth, effect) in learned.channels.values().zip(&effects.of) {
            let removal = worth.removal_ppb.unwrap() as f64 / 1e9;
            assert!((removal - effect.conversions).abs() < 1e-9, "order {order}: {worth:?}, {effect:?}");
        }
    }
}

#[tokio::test]
async fn however_the_work_is_cut_the_same_is_learned_and_credited() {
    let shop = Shop::stocked().await;
    for method in Method::ALL {
        let learning = Learning { method, least_conversions: 1, ..Learning::default() };
        let mut published = Vec::new();
        for (most, executed) in [(1, 1), (3, 3), (5_000, 2), (5_000, 5_000)] {
            let app = shop.app().in_tasks_of(most, executed);
            published.push(learned_in(&shop, config(learning), &app).await);
        }
        published.iter().for_each(|one| assert_eq!(*one, published[0]));
        assert_eq!(published[0].learned.as_ref().unwrap().nothing, None);
    }
}

#[tokio::test]
async fn of_too_few_conversions_nothing_is_learned_and_every_touch_weighs_the_same() {
    let shop = Shop::stocked().await;
    let found = learned_in(&shop, RunConfig::usual(ModelCode::DataDriven), &shop.app()).await;
    let linear = learned_in(&shop, RunConfig::usual(ModelCode::Linear), &shop.app()).await;
    assert_eq!(found.learned.unwrap().nothing, Some(NothingLearned::TooFewConversions));
    assert_eq!(found.sums, linear.sums);
    let mut fallbacks = found.credited.values().filter(|conversion| !conversion.credits.is_empty());
    assert!(fallbacks.all(|conversion| conversion.fallback == Some(ModelCode::Linear)));
    assert_eq!(linear.learned, None);
}

#[tokio::test]
async fn who_converted_on_other_days_than_the_runs_did_not_convert_in_it() {
    let shop = Shop::stocked().await;
    let learning = Learning { least_conversions: 1, ..Learning::default() };
    let january = RunConfig { end_date: Some("2026-01-31".to_owned()), ..config(learning) };
    let learned = learned_in(&shop, january, &shop.app()).await.learned.unwrap();
    let february = RunConfig { start_date: Some("2026-02-01".to_owned()), ..config(learning) };
    let chatting = RunConfig { include_channels: Some(vec!["email".to_owned()]), ..february };
    let learned_later = learned_in(&shop, chatting, &shop.app()).await.learned.unwrap();
    // Whose last e-mail came in January made no journey in February, whatever else came then.
    assert_eq!(learned_later.nulls, 3);
    // Two bought in January; three who bought later and two who never did had a touch by then.
    assert_eq!((learned.conversions, learned.nulls), (2, 5));
}
