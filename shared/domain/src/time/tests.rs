use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_time_needs_an_offset_and_comes_back_in_utc() {
    assert_eq!(at("2024-01-15T16:00:00+05:30").to_string(), "2024-01-15T10:30:00Z");
    assert_eq!(at("2024-01-15T10:30:00.250Z").to_string(), "2024-01-15T10:30:00.250Z");
    assert_eq!(Timestamp::parse("2024-01-15T10:30:00"), Err(TimeError::Naive));
    assert_eq!(Timestamp::parse("2024-01-15 10:30:00"), Err(TimeError::Naive));
    assert_eq!(Timestamp::parse("yesterday"), Err(TimeError::Malformed));
    assert_eq!(Timestamp::parse("0001-01-01T00:00:00Z"), Err(TimeError::TooEarly));
}

#[test]
fn moments_sort_as_text_to_the_end_of_the_calendar() {
    let moments = [-1, 0, 999, 1_000, 1_705_314_600_000, 9_999_999_999_999, 10_413_792_000_000, i64::MAX];
    let texts = moments.map(|ms| Timestamp::from_ms(ms).sortable());
    assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == 13), "{texts:?}");
}

#[test]
fn five_minutes_ahead_are_allowed_and_no_more() {
    let now = at("2026-01-01T00:00:00Z");
    assert!(now.plus_ms(CLOCK_SKEW_MS).not_after(now).is_ok());
    assert_eq!(now.plus_ms(CLOCK_SKEW_MS + 1).not_after(now), Err(TimeError::Future));
}

#[test]
fn local_hours_begin_where_the_zone_says() {
    let kolkata = Zone::parse("Asia/Kolkata").unwrap();
    assert_eq!(kolkata.hour_of(at("2024-01-15T10:29:59.999Z")).name(), "202401150930");
    assert_eq!(kolkata.hour_of(at("2024-01-15T10:30:00Z")).name(), "202401151030");
    let kathmandu = Zone::parse("Asia/Kathmandu").unwrap();
    assert_eq!(kathmandu.hour_of(at("2024-01-15T10:30:00Z")).name(), "202401151015");
    assert_eq!(Hour::parse("202401151015").unwrap().start(), at("2024-01-15T10:15:00Z"));
}

#[test]
fn a_local_hour_never_reaches_past_its_bound() {
    let lord_howe = Zone::parse("Australia/Lord_Howe").unwrap();
    let mut time = at("2024-04-06T12:00:00Z");
    while time < at("2024-04-06T20:00:00Z") {
        let hour = lord_howe.hour_of(time);
        assert!(hour.start() <= time && time < hour.end_bound(), "{time}");
        time = time.plus_ms(MINUTE_MS);
    }
}

#[test]
fn days_have_the_length_the_zone_gives_them() {
    let new_york = Zone::parse("America/New_York").unwrap();
    let spring = Day::parse("2024-03-10").unwrap();
    let autumn = Day::parse("2024-11-03").unwrap();
    assert_eq!(new_york.end_of(spring).since(new_york.start_of(spring)), 23 * HOUR_MS);
    assert_eq!(new_york.end_of(autumn).since(new_york.start_of(autumn)), 25 * HOUR_MS);
    // Midnight does not exist on this day in Beirut.
    let beirut = Zone::parse("Asia/Beirut").unwrap();
    let skipped = Day::parse("2024-03-31").unwrap();
    assert_eq!(beirut.day_of(beirut.start_of(skipped)), skipped);
    assert_eq!(beirut.end_of(skipped).since(beirut.start_of(skipped)), 23 * HOUR_MS);
}

#[test]
fn the_last_day_of_the_calendar_ends_in_its_month_in_every_zone() {
    let last = Day::parse("9999-12-31").unwrap();
    for zone in ["UTC", "America/New_York", "Asia/Kathmandu"] {
        let zone = Zone::parse(zone).unwrap();
        let end = zone.hour_of(zone.end_of(last));
        assert_eq!((end.month().as_str(), end.name().len()), ("999912", 12), "{}", zone.name());
    }
}

#[test]
fn every_day_that_is_made_can_be_read_again() {
    let (first, last) = (Day::parse("1970-01-01").unwrap(), Day::parse("9999-12-31").unwrap());
    for zone in ["UTC", "America/New_York", "Asia/Kathmandu"] {
        let zone = Zone::parse(zone).unwrap();
        let made = [0, -1, i64::MIN, i64::MAX, 253_402_300_799_999].map(|ms| zone.day_of(Timestamp(ms)));
        for day in made.into_iter().chain([first.minus(29), last.next(), last.minus(u64::MAX)]) {
            assert_eq!(Day::parse(&day.to_string()), Some(day), "{}", zone.name());
        }
    }
    assert_eq!((first.minus(1), last.next()), (first, last));
}

#[test]
fn a_day_is_read_strictly() {
    assert!(Day::parse("2024-02-30").is_none());
    assert!(Day::parse("2024-2-3").is_none());
    assert_eq!(Day::parse("2024-02-29").unwrap().next().to_string(), "2024-03-01");
}
