//! Rows of a file by the names of their columns.

use std::collections::BTreeMap;
use std::io::Read;

use attribution::Channel;
use memchr::memchr_iter;

use crate::channels::Channels;
use crate::numbers::{decimal, whole};
use crate::records::{FileError, Record, Records};

/// How a file is laid out.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What stands between fields.
    pub separator: u8,
    /// What stands between the channels of a path, and between their times.
    pub path_separator: String,
    /// Other names of columns, by the name they would have.
    pub columns: BTreeMap<String, String>,
}

impl Default for Layout {
    fn default() -> Self {
        Self { separator: b',', path_separator: " > ".to_owned(), columns: BTreeMap::new() }
    }
}

impl Layout {
    fn column<'a>(&'a self, name: &'a str) -> &'a str {
        self.columns.get(name).map_or(name, String::as_str)
    }
}

/// Reads rows.
pub(crate) struct Rows<'a, R> {
    records: Records<R>,
    header: Header<'a>,
    separator: Separator<'a>,
}

impl<'a, R: Read> Rows<'a, R> {
    /// Reads the names of the columns.
    pub(crate) fn begin(file: R, layout: &'a Layout) -> Result<Self, FileError> {
        let separator = Separator::of(layout);
        let mut records = Records::of(file, layout.separator, separator.byte);
        let header = Header::of(records.next()?, layout)?;
        Ok(Self { records, header, separator })
    }

    /// Where a column stands that must be there.
    pub(crate) fn place(&self, column: &'static str) -> Result<Column, FileError> {
        self.header.place(column)
    }

    pub(crate) fn place_if_any(&self, column: &'static str) -> Option<Column> {
        self.header.place_if_any(column)
    }

    /// How many bytes are behind.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.passed()
    }

    /// The next row.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, FileError> {
        let (header, separator) = (&self.header, &self.separator);
        Ok(self.records.next()?.map(|record| Row { record, header, separator }))
    }
}

/// A column of a file.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    place: usize,
}

/// Which column is which.
struct Header<'a> {
    layout: &'a Layout,
    names: Vec<String>,
}

impl<'a> Header<'a> {
    fn of(record: Option<Record<'_>>, layout: &'a Layout) -> Result<Self, FileError> {
        let record = record.ok_or_else(|| {
            FileError::Whole("there is nothing in it; a first line should name the columns".to_owned())
        })?;
        let name = |field: &[u8]| {
            String::from_utf8_lossy(field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field)).trim().to_owned()
        };
        Ok(Self {
            layout,
            names: (0..record.len()).filter_map(|field| record.get(field)).map(name).collect(),
        })
    }

    fn place_if_any(&self, name: &'static str) -> Option<Column> {
        let wanted = self.layout.column(name);
        let place = self.names.iter().position(|name| name == wanted)?;
        Some(Column { name, place })
    }

    fn place(&self, name: &'static str) -> Result<Column, FileError> {
        self.place_if_any(name).ok_or_else(|| {
            let (wanted, there) = (self.layout.column(name), self.names.join(", "));
            FileError::at(
                1,
                format!("there is no column {wanted}, only {there}; name it by --column {name}=NAME"),
            )
        })
    }
}

/// A row, by its columns.
pub(crate) struct Row<'a> {
    record: Record<'a>,
    header: &'a Header<'a>,
    separator: &'a Separator<'a>,
}

impl<'a> Row<'a> {
    #[inline]
    pub(crate) fn get(&self, column: Column) -> Result<&'a [u8], FileError> {
        self.record.get(column.place).ok_or_else(|| self.wrong(column, "is missing"))
    }

    #[inline]
    pub(crate) fn whole(&self, column: Column) -> Result<u64, FileError> {
        whole(self.get(column)?).ok_or_else(|| self.wrong(column, "must be a whole number from 0 on"))
    }

    #[inline]
    pub(crate) fn decimal(&self, column: Column) -> Result<i64, FileError> {
        decimal(self.get(column)?)
            .ok_or_else(|| self.wrong(column, "must be a number below nine million million"))
    }

    pub(crate) fn integer(&self, column: Column) -> Result<i64, FileError> {
        let text = std::str::from_utf8(self.get(column)?).ok();
        let number = text.and_then(|text| text.trim().parse().ok());
        number.ok_or_else(|| self.wrong(column, "must be a whole number"))
    }

    #[inline]
    /// Replaces `out` by the numbers of a path's channels.
    pub(crate) fn path(
        &self,
        column: Column,
        channels: &mut Channels,
        out: &mut Vec<Channel>,
    ) -> Result<(), FileError> {
        out.clear();
        self.parts(column, |name| {
            let number = match channels.met(name) {
                Some(number) => number,
                None => channels.number(name).map_err(|problem| self.wrong(column, &problem))?,
            };
            out.push(number);
            Ok(())
        })
    }

    /// Replaces `out` by the times of a path's touches: seconds, as milliseconds.
    pub(crate) fn ages(&self, column: Column, out: &mut Vec<u64>) -> Result<(), FileError> {
        out.clear();
        self.parts(column, |seconds| {
            let milliseconds = whole(seconds).and_then(|seconds| seconds.checked_mul(1_000));
            let problem = "must hold whole numbers of seconds from 0 on";
            out.push(milliseconds.ok_or_else(|| self.wrong(column, problem))?);
            Ok(())
        })
    }

    #[inline]
    fn parts(
        &self,
        column: Column,
        part: impl FnMut(&[u8]) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let text = self.get(column)?;
        match self.record.inner(column.place) {
            Some(places) => self.separator.split(text, places).try_for_each(part),
            None => self.separator.split(text, memchr_iter(self.separator.byte, text)).try_for_each(part),
        }
    }

    #[cold]
    pub(crate) fn wrong(&self, column: Column, problem: &str) -> FileError {
        self.error(&format!("{} {problem}", self.header.layout.column(column.name)))
    }

    pub(crate) fn error(&self, problem: &str) -> FileError {
        FileError::at(self.record.line, problem)
    }
}

/// What stands between the channels of a path.
struct Separator<'a> {
    text: &'a [u8],
    /// The byte of it that is looked for, one that is rare in names, and where it stands.
    byte: u8,
    place: usize,
    /// All of it in one word, and which bytes of that it has, if it is as short as most are.
    word: Option<(u64, u64)>,
}

impl<'a> Separator<'a> {
    fn of(layout: &'a Layout) -> Self {
        let text = layout.path_separator.as_bytes();
        let place = text.iter().position(u8::is_ascii_punctuation).unwrap_or(0);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let words = (text.len() <= 8).then(|| (word(text), word(&vec![0xff; text.len()])));
        Self { text, byte: text.get(place).copied().unwrap_or(0), place, word: words }
    }

    #[inline]
    fn stands_at(&self, text: &[u8], begin: usize) -> bool {
        match (self.word, text.get(begin..).and_then(<[u8]>::first_chunk)) {
            (Some((word, mask)), Some(bytes)) => u64::from_le_bytes(*bytes) & mask == word,
            (_, _) => text[begin..].starts_with(self.text),
        }
    }

    /// The parts of a text, told where the byte stands in it.
    #[inline]
    fn split<'t>(
        &self,
        text: &'t [u8],
        mut places: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = &'t [u8]> {
        let mut begin = Some(0);
        std::iter::from_fn(move || {
            let from = begin?;
            let end = places.find_map(|at| {
                let end = at.checked_sub(self.place).filter(|end| *end >= from)?;
                self.stands_at(text, end).then_some(end)
            });
            begin = end.map(|end| end + self.text.len());
            Some(&text[from..end.unwrap_or(text.len())])
        })
    }
}
