//! Records of a CSV file, one after another, without holding the file.

use std::io::{self, Read};

use csv_core::ReadRecordResult;
use memchr::memchr_iter;
use wide::u8x16;

/// How much is read at a time.
const BLOCK: usize = 1 << 17;

/// No record is longer.
const LONGEST: usize = 1 << 26;

/// What is wrong with a file, and where.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("line {line}: {problem}")]
    At { line: u64, problem: String },
    #[error("{0}")]
    Whole(String),
}

impl FileError {
    pub(crate) fn at(line: u64, problem: impl Into<String>) -> Self {
        Self::At { line, problem: problem.into() }
    }
}

/// Reads records.
///
/// Where a record has no quotes, it is cut at the separators in it. Where it has, `csv_core` reads it.
pub(crate) struct Records<R> {
    file: R,
    separator: u8,
    /// A byte within fields whose places are noted too.
    inner: u8,
    block: Vec<u8>,
    /// Where the next record begins, and where what was read ends.
    next: usize,
    end: usize,
    /// Whether that is all of the file.
    is_read: bool,
    marks: Marks,
    /// Lines and bytes that were passed, and whether the last of these was a carriage return.
    lines: u64,
    passed: u64,
    is_returned: bool,
    fields: Fields,
}

/// The fields of one record.
struct Fields {
    /// Where each begins and ends in the block, if none is quoted.
    plain: Vec<(usize, usize)>,
    quoted: csv_core::Reader,
    /// Where there are quotes: the fields without them, one after another, where each ends, and how many there are.
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

/// A record, and the line it begins on.
pub(crate) struct Record<'a> {
    pub line: u64,
    block: &'a [u8],
    marks: &'a Marks,
    fields: &'a Fields,
}

impl<R: Read> Records<R> {
    pub(crate) fn of(file: R, separator: u8, inner: u8) -> Self {
        Self {
            file,
            separator,
            inner,
            block: vec![0; BLOCK],
            next: 0,
            end: 0,
            is_read: false,
            marks: Marks::default(),
            lines: 0,
            passed: 0,
            is_returned: false,
            fields: Fields {
                plain: Vec::new(),
                quoted: csv_core::ReaderBuilder::new().delimiter(separator).build(),
                text: vec![0; 1_024],
                ends: vec![0; 16],
                count: 0,
            },
        }
    }

    /// How much of the file is behind.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// The next record that is not empty.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, FileError> {
        loop {
            let line = self.lines + 1;
            match self.cut()? {
                None => return Ok(None),
                Some(false) => {}
                Some(true) => {
                    let Self { block, marks, fields, .. } = self;
                    return Ok(Some(Record { line, block, marks, fields }));
                }
            }
        }
    }

    /// Cuts the next record into its fields; answers whether there is anything in it.
    #[inline]
    fn cut(&mut self) -> Result<Option<bool>, FileError> {
        let mut begin = self.next;
        self.fields.plain.clear();
        let end = loop {
            let Some(mark) = self.marks.next() else {
                if self.is_read {
                    break self.end;
                }
                self.fill()?;
                begin = self.next;
                self.fields.plain.clear();
                continue;
            };
            match self.block[mark] {
                b'"' => return self.cut_quoted().map(Some),
                b'\n' | b'\r' => break mark,
                _ => {
                    self.fields.plain.push((begin, mark));
                    begin = mark + 1;
                }
            }
        };
        self.fields.plain.push((begin, end));
        let (first, is_last) = (self.next, end == self.end);
        let is_returned = !is_last && self.block[end] == b'\r';
        // A line feed behind a carriage return ends the same line.
        let is_same_line = first == end && self.is_returned && !is_returned;
        self.lines += u64::from(!is_same_line);
        self.pass(if is_last { end } else { end + 1 }, is_returned);
        Ok(if is_last && first == end { None } else { Some(first < end) })
    }

    /// The same where there are quotes.
    #[cold]
    fn cut_quoted(&mut self) -> Result<bool, FileError> {
        let end = loop {
            match self.fields.unquote(&self.block[self.next..self.end], self.is_read) {
                Some(length) => break self.next + length,
                None => self.fill()?,
            }
        };
        let raw = &self.block[self.next..end];
        let is_returned = raw.ends_with(b"\r");
        self.lines +=
            memchr_iter(b'\n', raw).count() as u64 + u64::from(is_returned || !raw.ends_with(b"\n"));
        self.pass(end, is_returned);
        self.marks.go_to(end);
        Ok(true)
    }

    fn pass(&mut self, to: usize, is_returned: bool) {
        self.passed += (to - self.next) as u64;
        self.next = to;
        self.is_returned = is_returned;
    }

    /// Reads more behind what is left of the block, and begins to look through that again.
    #[cold]
    fn fill(&mut self) -> Result<(), FileError> {
        self.block.copy_within(self.next..self.end, 0);
        let left = self.end - self.next;
        (self.next, self.end) = (0, left);
        if left == self.block.len() {
            if left >= LONGEST {
                return Err(FileError::at(self.lines + 1, "is too long; is a quote missing?"));
            }
            self.block.resize(left * 2, 0);
        }
        while self.end < self.block.len() {
            match self.file.read(&mut self.block[self.end..]) {
                Ok(0) => {
                    self.is_read = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::Unreadable(error)),
            }
        }
        self.marks.mark(&self.block[..self.end], self.separator, self.inner);
        Ok(())
    }
}

/// Where some bytes stand in a block: a bit for each of its bytes.
#[derive(Default)]
struct Marks {
    /// Separators, quotes, and what ends lines.
    outer: Vec<u64>,
    inner: Vec<u64>,
    /// What is left of the word of outer marks that is looked at, and the number of the next.
    left: u64,
    next: usize,
}

impl Marks {
    fn mark(&mut self, block: &[u8], separator: u8, inner: u8) {
        self.outer.clear();
        self.inner.clear();
        let outer = [separator, b'"', b'\n', b'\r'].map(u8x16::splat);
        let inner = u8x16::splat(inner);
        let mut mark = |bytes: &[u8; 64], there: u64| {
            let (mut outer_word, mut inner_word) = (0, 0);
            for (place, sixteen) in bytes.as_chunks::<16>().0.iter().enumerate() {
                let bytes = u8x16::new(*sixteen);
                let [a, b, c, d] = outer.map(|of| bytes.simd_eq(of));
                outer_word |= u64::from((a | b | c | d).to_bitmask()) << (16 * place);
                inner_word |= u64::from(bytes.simd_eq(inner).to_bitmask()) << (16 * place);
            }
            self.outer.push(outer_word & there);
            self.inner.push(inner_word & there);
        };
        let (words, rest) = block.as_chunks::<64>();
        words.iter().for_each(|bytes| mark(bytes, u64::MAX));
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        mark(&last, (1 << rest.len()) - 1);
        (self.left, self.next) = (0, 0);
    }

    /// Looks on from a place in the block.
    fn go_to(&mut self, place: usize) {
        self.next = place / 64;
        self.left = self.outer.get(self.next).map_or(0, |bits| bits & u64::MAX << (place % 64));
        self.next += 1;
    }

    /// The next outer mark.
    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            self.left = *self.outer.get(self.next)?;
            self.next += 1;
        }
        let place = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some((self.next - 1) * 64 + place)
    }

    /// The inner marks of a part of the block.
    #[inline]
    fn inner(&self, begin: usize, end: usize) -> impl Iterator<Item = usize> {
        let mut word = begin / 64;
        let mut left = self.inner.get(word).map_or(0, |bits| bits & u64::MAX << (begin % 64));
        std::iter::from_fn(move || {
            while left == 0 {
                word += 1;
                left = *self.inner.get(word).filter(|_| 64 * word < end)?;
            }
            let place = 64 * word + left.trailing_zeros() as usize;
            left &= left - 1;
            (place < end).then_some(place)
        })
    }
}

impl Fields {
    /// Reads the record that a text begins with; answers how long that is, or nothing if its end is not there yet.
    fn unquote(&mut self, text: &[u8], is_all: bool) -> Option<usize> {
        self.plain.clear();
        self.quoted.reset();
        let (mut read, mut written) = (0, 0);
        self.count = 0;
        loop {
            let (out, ends) = (&mut self.text[written..], &mut self.ends[self.count..]);
            let (result, consumed, produced, ended) = self.quoted.read_record(&text[read..], out, ends);
            (read, written, self.count) = (read + consumed, written + produced, self.count + ended);
            match result {
                // Told that nothing follows, it ends the record.
                ReadRecordResult::InputEmpty if is_all => {}
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record | ReadRecordResult::End => return Some(read),
            }
        }
    }

    fn is_quoted(&self) -> bool {
        self.plain.is_empty()
    }
}

impl<'a> Record<'a> {
    pub(crate) fn len(&self) -> usize {
        if self.fields.is_quoted() { self.fields.count } else { self.fields.plain.len() }
    }

    #[inline]
    pub(crate) fn get(&self, field: usize) -> Option<&'a [u8]> {
        match self.fields.plain.get(field) {
            Some((begin, end)) => Some(&self.block[*begin..*end]),
            None if self.fields.is_quoted() && field < self.fields.count => {
                let begin = field.checked_sub(1).map_or(0, |before| self.fields.ends[before]);
                Some(&self.fields.text[begin..self.fields.ends[field]])
            }
            None => None,
        }
    }

    /// Where the inner byte stands in a field that is not quoted.
    #[inline]
    pub(crate) fn inner(&self, field: usize) -> Option<impl Iterator<Item = usize>> {
        let (begin, end) = *self.fields.plain.get(field)?;
        Some(self.marks.inner(begin, end).map(move |place| place - begin))
    }
}
