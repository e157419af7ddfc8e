use domain::ids::ExternalId;

use super::*;

#[test]
fn entries_of_the_indexes_are_read_as_they_are_written_and_sort_by_time() {
    let tenant = TenantId::parse("demo").unwrap();
    let id = FactId::conversion(&tenant, &ExternalId::parse("order-1").unwrap());
    let time = Timestamp::from_ms(1_705_314_600_000);
    assert_eq!(timeline_entry(&in_timeline(time, &id)), Some((time, id.clone())));
    assert_eq!(hour_entry(id.kind(), &in_hour(time, &id)), Some((time, id.clone())));
    assert!(in_timeline(Timestamp::from_ms(999_999_999_999), &id) < in_timeline(time, &id));
}

#[test]
fn a_partition_of_the_hour_index_is_read_as_it_is_written() {
    let tenant = TenantId::parse("demo").unwrap();
    let begun = Hour::parse("202401151030").unwrap();
    for kind in FactKind::ALL {
        let written = Bucket { tenant: tenant.clone(), kind, hour: begun, shard: 3 };
        assert_eq!(bucket(&hour(&written)), Some(written));
    }
    for other in ["T#demo#HOURS#INT", "T#demo#HOUR#INT#202401151030", "T#demo#HOUR#INT#2024#0", "HOUR"] {
        assert_eq!(bucket(other), None, "{other}");
    }
}

#[test]
fn shards_are_spread_and_stable() {
    let counts = (0..10_000).fold([0_u32; 8], |mut counts, n| {
        counts[shard_of(&format!("name-{n}"), 8) as usize] += 1;
        counts
    });
    assert!(counts.iter().all(|count| (1_000..1_500).contains(count)), "{counts:?}");
    assert_eq!(shard_of("cus_4abc", 64), shard_of("cus_4abc", 64));
}
