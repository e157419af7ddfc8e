//! Files as CSV, whatever they are.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use crate::rows::Layout;

/// What Parquet files begin with.
const PARQUET: [u8; 4] = *b"PAR1";

/// A file to read, and about how many bytes that will be.
pub struct Source {
    pub bytes: u64,
    read: Box<dyn Read>,
}

impl Source {
    /// A CSV file as it is, or a Parquet file as the CSV it would be: with a line of names, and lists as paths are written.
    pub fn open(mut file: File, layout: &Layout) -> io::Result<Self> {
        let mut begin = Vec::new();
        (&mut file).take(PARQUET.len() as u64).read_to_end(&mut begin)?;
        if begin != PARQUET {
            let bytes = file.metadata()?.len();
            return Ok(Self { bytes, read: Box::new(Cursor::new(begin).chain(file)) });
        }
        file.rewind()?;
        let reader = SerializedFileReader::new(file)?;
        let groups = reader.metadata().row_groups().iter();
        let bytes = groups.map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0)).sum();
        let columns = reader.metadata().file_metadata().schema().get_fields();
        let names: Vec<_> = columns.iter().map(|column| column.name().to_owned()).collect();
        let mut lines = Lines {
            layout: layout.clone(),
            text: Vec::new(),
            passed: 0,
            rows: RowIter::from_file_into(Box::new(reader)),
        };
        lines.write(names)?;
        Ok(Self { bytes, read: Box::new(lines) })
    }
}

impl Read for Source {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.read.read(to)
    }
}

/// Rows as lines.
struct Lines {
    layout: Layout,
    /// A line, and how much of it was read.
    text: Vec<u8>,
    passed: usize,
    rows: RowIter<'static>,
}

impl Lines {
    fn write(&mut self, fields: Vec<String>) -> io::Result<()> {
        self.text.clear();
        self.passed = 0;
        let mut writer = csv::WriterBuilder::new();
        let mut writer = writer.delimiter(self.layout.separator).from_writer(&mut self.text);
        writer.write_record(fields)?;
        writer.flush()
    }

    fn fields(&self, row: &Row) -> Vec<String> {
        row.get_column_iter().map(|(_, field)| text(field, &self.layout.path_separator)).collect()
    }
}

impl Read for Lines {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.passed == self.text.len() {
            let Some(row) = self.rows.next() else { return Ok(0) };
            self.write(self.fields(&row?))?;
        }
        let read = (&self.text[self.passed..]).read(to)?;
        self.passed += read;
        Ok(read)
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others are what they are written as")]
fn text(field: &Field, between: &str) -> String {
    match field {
        Field::Null => String::new(),
        Field::Bool(whether) => u8::from(*whether).to_string(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::ListInternal(list) => {
            let parts: Vec<_> = list.elements().iter().map(|element| text(element, between)).collect();
            parts.join(between)
        }
        other => other.to_string(),
    }
}
