//! When runs start by themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::codes;
use crate::time::{Day, Timestamp, Zone};

codes! {
    /// How often.
    Every { Day = "day", Week = "week", Month = "month", }
}

codes! {
    Weekday {
        Monday = "monday",
        Tuesday = "tuesday",
        Wednesday = "wednesday",
        Thursday = "thursday",
        Friday = "friday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
}

/// A time of day on local clocks, on some days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub every: Every,
    /// On which day of a week; of [`Every::Week`].
    pub weekday: Weekday,
    /// On which day of a month, from 1 to 28, which every month has; of [`Every::Month`].
    pub day_of_month: u8,
    pub at: Clock,
}

/// Minutes after midnight, below 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(u16);

impl Clock {
    /// Reads `hh:mm`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |digits: &str, most: u16| {
            let is_right = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|number| is_right && *number <= most)
        };
        Some(Self(two(hours, 23)? * 60 + two(minutes, 59)?))
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// So many days are looked ahead: longer than any month.
const MOST_AHEAD: usize = 33;

impl Timing {
    /// The first time after a moment. Where clocks skip it, that is when they go on; where they show it twice, the first.
    pub fn next_after(&self, zone: Zone, moment: Timestamp) -> Timestamp {
        let days = std::iter::successors(Some(zone.day_of(moment)), |day| Some(day.next()));
        let due = days.take(MOST_AHEAD).filter(|day| self.is_on(*day));
        let mut due = due.map(|day| zone.clock_of(day, self.at.0)).filter(|due| *due > moment);
        due.next().unwrap_or(moment)
    }

    /// The day whose time a due moment is: the one before, where clocks skip from there to midnight.
    pub fn day_of(&self, zone: Zone, due: Timestamp) -> Day {
        let shown = zone.day_of(due);
        let is_its_own = |day: &Day| self.is_on(*day) && zone.clock_of(*day, self.at.0) == due;
        [shown.minus(1), shown].into_iter().find(is_its_own).unwrap_or(shown)
    }

    fn is_on(&self, day: Day) -> bool {
        match self.every {
            Every::Day => true,
            Every::Week => Weekday::ALL.get(day.weekday() as usize) == Some(&self.weekday),
            Every::Month => day.of_month() == u32::from(self.day_of_month),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{DAY_MS, HOUR_MS};

    fn timing(every: Every, at: &str) -> Timing {
        Timing { every, weekday: Weekday::Monday, day_of_month: 1, at: Clock::parse(at).unwrap() }
    }

    fn next(timing: Timing, zone: &str, after: &str) -> String {
        timing.next_after(Zone::parse(zone).unwrap(), Timestamp::parse(after).unwrap()).to_string()
    }

    #[test]
    fn the_next_time_is_one_on_local_clocks() {
        let daily = timing(Every::Day, "03:30");
        assert_eq!(next(daily, "Asia/Kolkata", "2026-03-01T21:59:59Z"), "2026-03-01T22:00:00Z");
        assert_eq!(next(daily, "Asia/Kolkata", "2026-03-01T22:00:00Z"), "2026-03-02T22:00:00Z");
        // 2026-03-02 is a Monday.
        let weekly = timing(Every::Week, "00:00");
        assert_eq!(next(weekly, "UTC", "2026-03-01T12:00:00Z"), "2026-03-02T00:00:00Z");
        assert_eq!(next(weekly, "UTC", "2026-03-02T00:00:00Z"), "2026-03-09T00:00:00Z");
        let monthly = timing(Every::Month, "23:59");
        assert_eq!(next(monthly, "UTC", "2026-12-01T23:59:00Z"), "2027-01-01T23:59:00Z");
    }

    #[test]
    fn a_time_that_clocks_skip_is_when_they_go_on_and_one_that_they_show_twice_is_once() {
        let daily = timing(Every::Day, "02:30");
        let zone = "America/New_York";
        // On 8 March 02:00 is followed by 03:00, on 1 November 01:59 by 01:00.
        assert_eq!(next(daily, zone, "2026-03-08T05:00:00Z"), "2026-03-08T07:00:00Z");
        let twice = timing(Every::Day, "01:30");
        assert_eq!(next(twice, zone, "2026-11-01T04:00:00Z"), "2026-11-01T05:30:00Z");
        assert_eq!(next(twice, zone, "2026-11-01T05:30:00Z"), "2026-11-02T06:30:00Z");
    }

    #[test]
    fn a_time_that_clocks_skip_up_to_midnight_is_still_of_its_day() {
        // In Nuuk 28 March 2026 ends at 23:00.
        let (zone, late) = (Zone::parse("America/Nuuk").unwrap(), timing(Every::Day, "23:30"));
        let due = late.next_after(zone, Timestamp::parse("2026-03-28T12:00:00Z").unwrap());
        assert_eq!(zone.day_of(due).to_string(), "2026-03-29");
        assert_eq!(late.day_of(zone, due).to_string(), "2026-03-28");
        let next = late.next_after(zone, due);
        assert_eq!(late.day_of(zone, next).to_string(), "2026-03-29");
    }

    #[test]
    fn a_clock_is_hours_and_minutes() {
        for (text, is_one) in [
            ("00:00", true),
            ("23:59", true),
            ("24:00", false),
            ("7:30", false),
            ("+7:30", false),
            ("12", false),
        ] {
            assert_eq!(Clock::parse(text).map(|clock| clock.to_string()), is_one.then(|| text.to_owned()));
        }
    }

    proptest! {
        #![proptest_config(crate::property(2_000))]

        #[test]
        fn the_next_time_is_later_and_never_further_off_than_one_period(
            zone in prop::sample::select(vec!["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York"]),
            minutes in 0..1440_u16, every in prop::sample::select(Every::ALL.to_vec()), at in 0..4_000_000_000_000_i64,
        ) {
            let timing = Timing { at: Clock(minutes), ..timing(every, "00:00") };
            let moment = Timestamp::from_ms(at);
            let next = timing.next_after(Zone::parse(zone).unwrap(), moment);
            let most = match every { Every::Day => 1, Every::Week => 7, Every::Month => 31 };
            prop_assert!(next > moment);
            prop_assert!(next.since(moment) <= most * DAY_MS + 2 * HOUR_MS);
        }
    }
}
