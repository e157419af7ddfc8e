//! Journeys as Parquet.

use std::io::{Seek, Write};
use std::sync::Arc;

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::parser::parse_message_type;
use attribution_files::{AttributeError, Attributed, JourneyTable, Layout, Source};

use crate::{ages_text, asked, journeys, journeys_csv, names, synthetic};

/// Writes a column with how deep each value lies, and where lists begin.
fn write<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    levels: (Option<&[i16]>, Option<&[i16]>),
) {
    to.typed::<T>().write_batch(values, levels.0, levels.1).unwrap();
}

/// The synthetic journeys as Parquet, with the times as texts or as lists.
fn journeys_parquet(compression: Compression, ages_listed: bool) -> std::fs::File {
    let journeys: Vec<_> = (0..10_000).map(synthetic::journey).collect();
    let ages = if ages_listed {
        "OPTIONAL group secs_till_conv (LIST) { REPEATED group list { REQUIRED INT64 element; } }"
    } else {
        "REQUIRED BYTE_ARRAY secs_till_conv (UTF8);"
    };
    let schema = format!(
        "message journeys {{ REQUIRED INT32 id; REQUIRED BYTE_ARRAY path (UTF8); {ages} REQUIRED BOOLEAN conv;
         OPTIONAL INT64 value_cents; }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = tempfile::tempfile().unwrap();
    let mut writer =
        SerializedFileWriter::new(file.try_clone().unwrap(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = 0;
    while let Some(mut to) = group.next_column().unwrap() {
        let texts = |of: &dyn Fn(&synthetic::Journey) -> String| -> Vec<ByteArray> {
            journeys.iter().map(|journey| ByteArray::from(of(journey).into_bytes())).collect()
        };
        let plain = (None, None);
        match column {
            0 => write::<Int32Type>(&mut to, &(0..10_000).collect::<Vec<_>>(), plain),
            1 => write::<ByteArrayType>(&mut to, &texts(&names), plain),
            2 if ages_listed => {
                let ages = journeys.iter().flat_map(|journey| &journey.ages_seconds);
                let ages: Vec<i64> = ages.map(|age| i64::try_from(*age).unwrap()).collect();
                let place =
                    |journey: &synthetic::Journey| (0..journey.channels.len()).map(|at| i16::from(at > 0));
                let places: Vec<i16> = journeys.iter().flat_map(place).collect();
                write::<Int64Type>(&mut to, &ages, (Some(&vec![2; ages.len()]), Some(&places)));
            }
            2 => write::<ByteArrayType>(&mut to, &texts(&ages_text), plain),
            3 => {
                let converted: Vec<_> = journeys.iter().map(|journey| journey.converted).collect();
                write::<BoolType>(&mut to, &converted, plain);
            }
            _ => {
                let values: Vec<i64> = journeys.iter().map(|journey| journey.value_cents).collect();
                write::<Int64Type>(&mut to, &values, (Some(&vec![1; values.len()]), None));
            }
        }
        to.close().unwrap();
        column += 1;
    }
    group.close().unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn parquet_is_read_as_the_csv_it_would_be() {
    let models = asked(&["LINEAR", "TIME_DECAY", "MARKOV"]);
    let of = |table: JourneyTable| {
        let mut all = Vec::new();
        let attributed = Attributed::of_journeys(&models, &table, |_, credits| {
            all.extend_from_slice(credits);
            Ok::<_, AttributeError>(())
        });
        (attributed.unwrap(), all)
    };
    let expected = of(journeys(&journeys_csv()).unwrap());
    for (compression, ages_listed) in
        [(Compression::SNAPPY, false), (Compression::ZSTD(ZstdLevel::default()), true)]
    {
        let mut file = journeys_parquet(compression, ages_listed);
        file.rewind().unwrap();
        let source = Source::open(file, &Layout::default()).unwrap();
        assert!(source.bytes > 100_000);
        assert_eq!(of(JourneyTable::read(source, &Layout::default(), |_| {}).unwrap()), expected);
    }
    let mut broken = tempfile::tempfile().unwrap();
    broken.write_all(b"PAR1 and no more").unwrap();
    broken.rewind().unwrap();
    assert!(Source::open(broken, &Layout::default()).is_err());
}
