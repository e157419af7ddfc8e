//! Million touches per second and core, per model, on synthetic journeys that fit no cache.
//!
//! Run it with `cargo bench -p attribution`, on an otherwise quiet machine. Any
//! other way of running it (`cargo test --all-targets`) only shows that it runs.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use attribution::{Journeys, JourneysBuf, Model};

const SEED: u64 = 20_261_120;
/// Journeys per mille of each length from 1 on.
const LENGTHS: [u64; 20] = [300, 190, 140, 100, 75, 55, 40, 28, 20, 14, 10, 8, 6, 4, 3, 2, 2, 1, 1, 1];
const WEEK_MS: u64 = 7 * 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (size, passes) = if measured { (1_000_000, 15) } else { (1_000, 1) };
    let journeys = synthetic_journeys(size)?;
    let journeys = journeys.as_journeys();
    let mut out = vec![0; journeys.touches()];
    println!("{size} journeys, {} touches", journeys.touches());
    let models = [
        ("FIRST_TOUCH", Model::FirstTouch),
        ("LAST_TOUCH", Model::LastTouch),
        ("LINEAR", Model::Linear),
        ("TIME_DECAY", Model::time_decay(WEEK_MS)?),
        ("POSITION_BASED", Model::POSITION_40_20_40),
    ];
    for (name, model) in models {
        let times = measure(&model, journeys, &mut out, passes);
        let speed = |time: Duration| journeys.touches() as u128 / time.as_micros().max(1);
        let (median, best) = (times[times.len() / 2], times[0]);
        println!("{name:<14} median {:>5} M touches/s, best {:>5}", speed(median), speed(best));
    }
    Ok(())
}

/// Times of all passes, shortest first; a first pass that warms up is not counted.
fn measure(model: &Model, journeys: Journeys<'_>, out: &mut [i64], passes: usize) -> Vec<Duration> {
    let mut pass = || {
        let start = Instant::now();
        black_box(model).credit_into(black_box(journeys), out);
        black_box(&mut *out);
        start.elapsed()
    };
    pass();
    let mut times: Vec<Duration> = (0..passes).map(|_| pass()).collect();
    times.sort();
    times
}

/// Journeys by a fixed seed and integers only: the same on every machine.
fn synthetic_journeys(count: u64) -> Result<JourneysBuf, Box<dyn Error>> {
    let size = usize::try_from(count)?;
    let mut journeys = JourneysBuf::with_capacity(size, 4 * size);
    for journey in 0..count {
        let touches = length(draw(journey, 0) % 1000);
        let mut age_ms = 0;
        let mut ages_ms: Vec<u64> = (0..touches)
            .rev()
            .map(|touch| {
                age_ms += draw(journey, 12 + 3 * touch) % 259_200 * 1000;
                age_ms
            })
            .collect();
        ages_ms.reverse();
        let amount_minor = i64::try_from(1000 + draw(journey, 2) % 99_000)?;
        journeys.push(amount_minor, &ages_ms)?;
    }
    Ok(journeys)
}

fn length(mille: u64) -> u64 {
    let mut below = 0;
    let shorter = LENGTHS.iter().take_while(|share| {
        below += **share;
        below <= mille
    });
    shorter.count() as u64 + 1
}

/// One random number of a journey, by the finaliser of splitmix64.
fn draw(journey: u64, number: u64) -> u64 {
    let state = SEED
        .wrapping_add(journey.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_add(number.wrapping_mul(0xD1B5_4A32_D192_ED03));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
