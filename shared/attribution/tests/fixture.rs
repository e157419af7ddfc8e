//! Every converting journey of the synthetic set, to the cent.

use attribution::{JourneysBuf, Model};

const CREDITS: &str = include_str!("fixtures/credits_10k.csv");
const WEEK_MS: u64 = 7 * 86_400_000;

const FIRST: usize = 0;
const LAST: usize = 1;
const LINEAR: usize = 2;
const TIME_DECAY: usize = 3;
const POSITION: usize = 4;

struct Expected {
    number: i64,
    amount_minor: i64,
    ages_ms: Vec<u64>,
    credits: [Vec<i64>; 5],
}

fn expected() -> Vec<Expected> {
    let number = |cell: &str| cell.parse().expect("cells are whole numbers");
    let cells = |line: &str| line.split(',').map(number).collect();
    let rows: Vec<Vec<i64>> = CREDITS.lines().skip(1).map(cells).collect();
    let journeys = rows.chunk_by(|one, next| one[0] == next[0]);
    let column = |touches: &[Vec<i64>], index: usize| touches.iter().map(|touch| touch[index]).collect();
    journeys
        .map(|touches| Expected {
            number: touches[0][0],
            amount_minor: touches[0][2],
            ages_ms: touches.iter().map(|touch| touch[1].unsigned_abs() * 1000).collect(),
            credits: [3, 4, 5, 6, 7].map(|index| column(touches, index)),
        })
        .collect()
}

/// The credits of all journeys, computed together.
fn credits(model: Model, expected: &[Expected]) -> Vec<Vec<i64>> {
    let mut journeys = JourneysBuf::new();
    for journey in expected {
        journeys.push(journey.amount_minor, &journey.ages_ms).expect("touches are oldest first");
    }
    let journeys = journeys.as_journeys();
    assert_eq!((journeys.len(), journeys.touches()), (875, 4774));
    let mut out = vec![0; journeys.touches()];
    model.credit_into(journeys, &mut out);
    journeys.iter().map(|journey| out[journey.span].to_vec()).collect()
}

#[test]
fn the_models_credit_the_synthetic_journeys_as_expected_to_the_cent() {
    let expected = expected();
    for (model, column) in [
        (Model::FirstTouch, FIRST),
        (Model::LastTouch, LAST),
        (Model::Linear, LINEAR),
        (Model::time_decay(WEEK_MS).unwrap(), TIME_DECAY),
    ] {
        for (journey, credits) in expected.iter().zip(credits(model, &expected)) {
            assert_eq!(credits, journey.credits[column], "{model:?}, journey {}", journey.number);
        }
    }
}

#[test]
fn position_based_credits_differ_only_where_floating_point_noise_broke_an_exact_tie() {
    let expected = expected();
    let mut ties = 0;
    for (journey, credits) in expected.iter().zip(credits(Model::POSITION_40_20_40, &expected)) {
        if credits == journey.credits[POSITION] {
            continue;
        }
        ties += 1;
        let between = i64::try_from(credits.len() - 2).unwrap();
        let remainder = |weight: i64| journey.amount_minor * weight % (100 * between);
        assert_eq!(remainder(40 * between), remainder(20), "journey {}", journey.number);
        // All remainders tie, so the units left over belong to the first touches.
        let floor = |weight: i64| journey.amount_minor * weight / (100 * between);
        let (end, middle) = (floor(40 * between), floor(20));
        let leftover = journey.amount_minor - 2 * end - between * middle;
        let exact = (0..).zip(&credits).map(|(index, _)| {
            let is_end = index == 0 || index == between + 1;
            (if is_end { end } else { middle }) + i64::from(index < leftover)
        });
        assert_eq!(credits, exact.collect::<Vec<i64>>(), "journey {}", journey.number);
    }
    assert_eq!(ties, 22);
}
