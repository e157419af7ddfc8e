//! What intents and moods count for in AI_WEIGHTED, in thousandths: 1000 changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const NEUTRAL: u16 = 1000;

/// Factors of intents, by the intent or its first word in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentFactors(pub BTreeMap<String, u16>);

impl IntentFactors {
    /// Purchases more, support and complaints less.
    pub fn usual() -> Self {
        let factors =
            [("purchase", 1500), ("enquiry", 1000), ("inquiry", 1000), ("support", 500), ("complaint", 250)];
        Self(factors.map(|(intent, factor)| (intent.to_owned(), factor)).into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The factor of the whole intent, else of its first word (`purchase` of `purchase_inquiry`), else 1000.
    pub fn permille(&self, intent: Option<&str>) -> u16 {
        let Some(intent) = intent.map(str::to_lowercase) else { return NEUTRAL };
        let word = intent.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
        let factor = self.0.get(&intent).or_else(|| self.0.get(word?));
        factor.copied().unwrap_or(NEUTRAL)
    }
}

/// From 1200 for the best mood to 800 for the worst: of the words positive, neutral and negative, or of a number from
/// −1 to 1; 1000 for anything else.
pub fn sentiment_permille(sentiment: Option<&str>) -> u16 {
    let Some(sentiment) = sentiment.map(str::trim) else { return NEUTRAL };
    let known = [("positive", 1200), ("neutral", NEUTRAL), ("negative", 800)];
    if let Some((_, permille)) = known.iter().find(|(word, _)| sentiment.eq_ignore_ascii_case(word)) {
        return *permille;
    }
    thousandths(sentiment).map_or(NEUTRAL, |score| NEUTRAL.saturating_add_signed(score / 5))
}

/// Reads a number from −1 to 1 in thousandths; what is finer is cut off.
fn thousandths(text: &str) -> Option<i16> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let cut: String = fraction.chars().chain(std::iter::repeat('0')).take(3).collect();
    let number = whole.parse::<i16>().ok()?.checked_mul(1000)?.checked_add(cut.parse().ok()?)?;
    (number <= 1000).then_some(sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_counts_by_itself_or_by_its_first_word() {
        let mut factors = IntentFactors::usual();
        factors.0.insert("purchase_later".to_owned(), 700);
        for (intent, permille) in [
            (Some("purchase"), 1500),
            (Some("Purchase_Inquiry"), 1500),
            (Some("purchase_later"), 700),
            (Some("support request"), 500),
            (Some("COMPLAINT-billing"), 250),
            (Some("repurchase"), 1000),
            (Some("--"), 1000),
            (None, 1000),
        ] {
            assert_eq!(factors.permille(intent), permille, "{intent:?}");
        }
    }

    #[test]
    fn a_mood_is_a_word_or_a_number() {
        for (sentiment, permille) in [
            (Some("Positive"), 1200),
            (Some("neutral"), 1000),
            (Some(" NEGATIVE "), 800),
            (Some("1"), 1200),
            (Some("-1.0"), 800),
            (Some("0.5"), 1100),
            (Some("-0.25"), 950),
            (Some("0.0049"), 1000),
            (Some("1.001"), 1000),
            (Some("7"), 1000),
            (Some("-"), 1000),
            (Some("."), 1000),
            (Some("0.-5"), 1000),
            (Some("mixed"), 1000),
            (None, 1000),
        ] {
            assert_eq!(sentiment_permille(sentiment), permille, "{sentiment:?}");
        }
    }
}
