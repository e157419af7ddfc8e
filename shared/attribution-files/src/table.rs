//! Tables of paths and of journeys, as files hold them.

use std::io::Read;

use attribution::{Channel, Journey, JourneysBuf, Outcome, PathsBuf};

use crate::channels::Channels;
use crate::records::FileError;
use crate::rows::{Column, Layout, Rows};

/// So many paths are read before anything is done with them: few enough to stay near the processor.
const BLOCK: usize = 1 << 12;

/// A table of paths that were gone, and how often they ended how: the columns `path` and `conversions`, and perhaps
/// `value` and `nulls`; others are passed over.
pub(crate) struct PathTable<'a, R> {
    rows: Rows<'a, R>,
    path: Column,
    conversions: Column,
    value: Option<Column>,
    nulls: Option<Column>,
    pub channels: Channels,
    passed: Vec<Channel>,
}

/// The columns of a table of paths.
pub const PATH_COLUMNS: [&str; 4] = ["path", "conversions", "value", "nulls"];

impl<'a, R: Read> PathTable<'a, R> {
    pub(crate) fn begin(file: R, layout: &'a Layout) -> Result<Self, FileError> {
        let rows = Rows::begin(file, layout)?;
        Ok(Self {
            path: rows.place("path")?,
            conversions: rows.place("conversions")?,
            value: rows.place_if_any("value"),
            nulls: rows.place_if_any("nulls"),
            rows,
            channels: Channels::default(),
            passed: Vec::new(),
        })
    }

    /// Adds the next of its paths, with values in millionths of the unit of the file; false if there are no more.
    pub(crate) fn read(&mut self, paths: &mut PathsBuf) -> Result<bool, FileError> {
        for _ in 0..BLOCK {
            let Some(row) = self.rows.next()? else { return Ok(false) };
            let outcome = Outcome {
                conversions: row.whole(self.conversions)?,
                value_minor: self.value.map_or(Ok(0), |value| row.decimal(value))?,
                nulls: self.nulls.map_or(Ok(0), |nulls| row.whole(nulls))?,
            };
            row.path(self.path, &mut self.channels, &mut self.passed)?;
            paths.push(&self.passed, outcome).map_err(|error| row.error(&error.to_string()))?;
        }
        Ok(true)
    }

    /// How much of the file is behind.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.bytes()
    }
}

/// Journeys with the times of their touches.
#[derive(Clone, Debug, Default)]
pub struct JourneyTable {
    /// Numbered in the order of their names.
    pub channels: Channels,
    /// Each journey by itself; values in hundredths of the unit that reports are in.
    pub paths: PathsBuf,
    /// Those that converted: their amounts, and the ages of their touches.
    pub converted: JourneysBuf,
    /// What those are called, one after another, and where each ends.
    ids: Vec<u8>,
    id_ends: Vec<usize>,
}

/// The columns of a table of journeys.
pub const JOURNEY_COLUMNS: [&str; 5] = ["id", "path", "secs_till_conv", "conv", "value_cents"];

impl JourneyTable {
    /// Reads a table with the columns [`JOURNEY_COLUMNS`]; others are passed over. `passed` is told now and then how many
    /// bytes are behind.
    pub fn read(file: impl Read, layout: &Layout, mut passed: impl FnMut(u64)) -> Result<Self, FileError> {
        let mut rows = Rows::begin(file, layout)?;
        let [id, path, ages, converted, value] = JOURNEY_COLUMNS.map(|column| rows.place(column));
        let [id, path, ages, converted, value] = [id?, path?, ages?, converted?, value?];
        let (mut table, mut channels, mut ages_ms) = (Self::default(), Vec::new(), Vec::new());
        for count in 0_usize.. {
            if count.is_multiple_of(BLOCK) {
                passed(rows.bytes());
            }
            let Some(row) = rows.next()? else { break };
            row.path(path, &mut table.channels, &mut channels)?;
            let outcome = match row.whole(converted)? {
                0 => Outcome::NULL,
                1 => Outcome::converted(row.integer(value)?),
                _ => return Err(row.wrong(converted, "must be 0 or 1")),
            };
            if outcome.conversions > 0 {
                row.ages(ages, &mut ages_ms)?;
                if ages_ms.len() != channels.len() {
                    return Err(row.wrong(ages, "must have as many times as path has channels"));
                }
                let pushed = table.converted.push(outcome.value_minor, &ages_ms);
                pushed.map_err(|_| row.wrong(ages, "must fall from touch to touch, the oldest first"))?;
                table.ids.extend_from_slice(row.get(id)?);
                table.id_ends.push(table.ids.len());
            }
            table.paths.push(&channels, outcome).map_err(|error| row.error(&error.to_string()))?;
        }
        table.paths.renumber(&table.channels.sort());
        Ok(table)
    }

    /// Those that converted: the channels they passed, and what the engine credits.
    pub(crate) fn credited(&self) -> impl Iterator<Item = (&[Channel], Journey<'_>)> {
        let paths = self.paths.as_paths();
        let converted = paths.iter().filter(|(_, outcome)| outcome.conversions > 0);
        converted.map(|(passed, _)| passed).zip(self.converted.as_journeys().iter())
    }

    /// What they are called.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.id_ends.iter().copied());
        begins.zip(&self.id_ends).map(|(begin, end)| &self.ids[begin..*end])
    }
}
