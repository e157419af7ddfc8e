//! Made-up journeys as a file of paths.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

#[expect(dead_code, reason = "paths tell no times")]
#[path = "../../../attribution/benches/synthetic/mod.rs"]
mod synthetic;

/// Writes a line for each journey; answers how many touches they have.
pub(crate) fn write(file: &Path, size: u64) -> Result<usize, Box<dyn Error>> {
    let mut out = BufWriter::new(File::create(file)?);
    writeln!(out, "path,conversions,value,nulls")?;
    let mut touches = 0;
    for number in 0..size {
        let journey = synthetic::journey(number);
        for (place, channel) in journey.channels.iter().enumerate() {
            let between = if place == 0 { "" } else { " > " };
            write!(out, "{between}{}", synthetic::CHANNELS[usize::from(*channel)])?;
        }
        let (converted, cents) = (u8::from(journey.converted), journey.value_cents);
        writeln!(out, ",{converted},{}.{:02},{}", cents / 100, cents % 100, 1 - converted)?;
        touches += journey.channels.len();
    }
    out.flush()?;
    Ok(touches)
}
