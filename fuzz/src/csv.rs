//! Any file of paths is read as another library reads it, or refused, in whatever pieces it comes.
#![no_main]

use std::io::Read;

use attribution_files::{Asked, Attributed, JourneyTable, Layout};
use libfuzzer_sys::fuzz_target;

/// Hands out a few bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(to.len());
        self.0.read(&mut to[..most])
    }
}

fn read(file: impl Read) -> Option<Attributed> {
    let models = ["LINEAR", "MARKOV:2", "U"].map(|model| model.parse().unwrap());
    Attributed::of_paths(&Asked::of(models.into()), file, &Layout::default(), |_| {}).ok()
}

/// The same records as another library reads them, each field in quotes.
fn quoted(file: &[u8]) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let quotes = csv::QuoteStyle::Always;
    let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(quotes).from_writer(Vec::new());
    reader.byte_records().for_each(|record| writer.write_byte_record(&record.unwrap()).unwrap());
    writer.into_inner().unwrap()
}

fuzz_target!(|bytes: &[u8]| {
    let file = [b"path,conversions,value,nulls\n", bytes].concat();
    let whole = read(&*file);
    let few = usize::from(bytes.first().copied().unwrap_or(0) % 16) + 1;
    assert_eq!(whole, read(Slowly(&file, few)));
    assert_eq!(whole, read(&*quoted(&file)));
    let file = [b"id,path,secs_till_conv,conv,value_cents\n", bytes].concat();
    drop(JourneyTable::read(&*file, &Layout::default(), |_| {}));
});
