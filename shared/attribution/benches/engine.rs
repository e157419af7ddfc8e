//! Million touches per second and core, per model, on synthetic journeys that fit no cache.
//!
//! Run it with `cargo bench -p attribution`, on an otherwise quiet machine. Any
//! other way of running it (`cargo test --all-targets`) only shows that it runs.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use attribution::markov::{Order, Transitions};
use attribution::shapley::Coalitions;
use attribution::{JourneysBuf, Model, Outcome, PathsBuf};

#[expect(dead_code, reason = "what channels are called matters to those who write them down")]
mod synthetic;

const WEEK_MS: u64 = 7 * 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (size, passes) = if measured { (1_000_000, 15) } else { (1_000, 1) };
    let (journeys, paths) = synthetic(size)?;
    let (journeys, paths) = (journeys.as_journeys(), paths.as_paths());
    let mut out = vec![0; journeys.touches()];
    println!("{size} journeys, {} touches", journeys.touches());
    let models = [
        ("FIRST_TOUCH", Model::FirstTouch),
        ("LAST_TOUCH", Model::LastTouch),
        ("LINEAR", Model::Linear),
        ("TIME_DECAY", Model::time_decay(WEEK_MS)?),
        ("POSITION_BASED", Model::POSITION_40_20_40),
    ];
    let speed = |name: &str, times: Vec<Duration>| {
        let speed = |time: Duration| journeys.touches() as u128 / time.as_micros().max(1);
        let (median, best) = (times[times.len() / 2], times[0]);
        println!("{name:<22} median {:>5} M touches/s, best {:>5}", speed(median), speed(best));
    };
    for (name, model) in models {
        let credit = || black_box(&model).credit_into(black_box(journeys), black_box(&mut out));
        speed(name, times(passes, credit));
    }
    for order in (1..=Order::MOST).filter_map(Order::new) {
        let count = || drop(black_box(Transitions::count(order, black_box(paths))));
        speed(&format!("MARKOV:{} counting", order.get()), times(passes, count));
    }
    speed("SHAPLEY counting", times(passes, || drop(black_box(Coalitions::count(black_box(paths))))));
    for order in (1..=Order::MOST).filter_map(Order::new) {
        let counted = Transitions::count(order, paths);
        solving(&format!("MARKOV:{} of {} channels", order.get(), paths.channels()), &counted, passes);
    }
    solving(
        "MARKOV:1 of 100 channels",
        &Transitions::count(Order::FIRST, hundred_channels(size)?.as_paths()),
        passes,
    );
    Ok(())
}

fn solving(name: &str, counted: &Transitions, passes: usize) {
    let times = times(passes.min(5), || drop(black_box(black_box(counted).effects())));
    println!("solving {name:<26} median {:>9.3} ms", times[times.len() / 2].as_secs_f64() * 1_000.0);
}

/// Times of all passes, shortest first; a first pass that warms up is not counted.
fn times(passes: usize, mut pass: impl FnMut()) -> Vec<Duration> {
    pass();
    let mut times: Vec<Duration> = (0..passes)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed()
        })
        .collect();
    times.sort();
    times
}

/// The same journeys, over channels that are told apart more finely.
fn hundred_channels(count: u64) -> Result<PathsBuf, Box<dyn Error>> {
    let mut paths = PathsBuf::new();
    for number in 0..count {
        let journey = synthetic::journey(number);
        let finer = (0..).zip(&journey.channels).map(|(touch, channel): (u64, _)| {
            (u64::from(*channel) * 7 + (number * 31 + touch * 17) % 7).min(99)
        });
        let channels: Vec<u16> = finer.map(u16::try_from).collect::<Result<_, _>>()?;
        let outcome = if journey.converted { Outcome::converted(journey.value_cents) } else { Outcome::NULL };
        paths.push(&channels, outcome)?;
    }
    Ok(paths)
}

/// Encoded journeys, and their paths.
fn synthetic(count: u64) -> Result<(JourneysBuf, PathsBuf), Box<dyn Error>> {
    let size = usize::try_from(count)?;
    let (mut journeys, mut paths) = (JourneysBuf::with_capacity(size, 4 * size), PathsBuf::new());
    for number in 0..count {
        let journey = synthetic::journey(number);
        let ages_ms: Vec<u64> = journey.ages_seconds.iter().map(|age| age * 1_000).collect();
        journeys.push(1_000 + journey.value_cents, &ages_ms)?;
        let outcome = if journey.converted { Outcome::converted(journey.value_cents) } else { Outcome::NULL };
        paths.push(&journey.channels, outcome)?;
    }
    Ok((journeys, paths))
}
