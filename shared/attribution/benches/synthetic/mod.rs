//! Made-up journeys by a fixed seed and whole numbers only: the same on every machine and in every language.

const SEED: u64 = 20_261_120;

pub(crate) const CHANNELS: [&str; 15] = [
    "organic_search",
    "paid_search",
    "social_media",
    "email",
    "display_ad",
    "referral",
    "direct",
    "partner_referral",
    "broker_referral",
    "affiliate",
    "webinar",
    "event",
    "phone_call",
    "chat",
    "other",
];

/// Of a thousand touches, how many are of each channel.
const SHARES: [u64; 15] = [170, 150, 120, 110, 90, 40, 130, 40, 30, 35, 15, 10, 40, 15, 5];

/// By how many of a thousand journeys more convert for each touch of the channel.
const PULLS: [u64; 15] = [12, 18, 6, 22, 3, 30, 15, 35, 40, 10, 45, 38, 60, 33, 1];

/// Of a thousand journeys, how many have each number of touches, from 1 on.
const LENGTHS: [u64; 20] = [300, 190, 140, 100, 75, 55, 40, 28, 20, 14, 10, 8, 6, 4, 3, 2, 2, 1, 1, 1];

/// One journey.
pub(crate) struct Journey {
    /// Places in [`CHANNELS`], oldest touch first.
    pub(crate) channels: Vec<u16>,
    /// Seconds from each touch to the end.
    pub(crate) ages_seconds: Vec<u64>,
    pub(crate) converted: bool,
    /// 0 if it did not convert.
    pub(crate) value_cents: i64,
}

pub(crate) fn journey(number: u64) -> Journey {
    let length = drawn(&LENGTHS, draw(number, 0)) + 1;
    let mut channels: Vec<u16> = Vec::new();
    for touch in 0..length {
        let again = touch > 0 && draw(number, 10 + 3 * touch) % 1_000 < 250;
        let before = channels.last().copied().filter(|_| again);
        let channel = || u16::try_from(drawn(&SHARES, draw(number, 11 + 3 * touch))).unwrap_or(0);
        channels.push(before.unwrap_or_else(channel));
    }
    let mut age = 0;
    let mut ages_seconds: Vec<u64> = (0..length)
        .rev()
        .map(|touch| {
            age += draw(number, 12 + 3 * touch) % 259_200;
            age
        })
        .collect();
    ages_seconds.reverse();
    let pull: u64 = channels.iter().map(|channel| PULLS[usize::from(*channel)]).sum();
    let converted = draw(number, 1) % 1_000 < (20 + pull).min(900);
    let value = 1_000 + draw(number, 2) % 99_000;
    let value_cents = if converted { i64::try_from(value).unwrap_or(0) } else { 0 };
    Journey { channels, ages_seconds, converted, value_cents }
}

/// The first place up to which the shares come to more than a number drawn of a thousand.
fn drawn(shares: &[u64], drawn: u64) -> u64 {
    let mut below = 0;
    let passed = shares.iter().take_while(|share| {
        below += **share;
        below <= drawn % 1_000
    });
    passed.count() as u64
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
