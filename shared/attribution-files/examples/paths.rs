//! Writes made-up paths, the same on every machine: `cargo run --release -p attribution-files --example paths -- 1000000 FILE`.

use std::error::Error;
use std::path::Path;

#[path = "../benches/paths/mod.rs"]
mod paths;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(count), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("how many paths, and into which file?".into());
    };
    paths::write(Path::new(&file), count.parse()?)?;
    Ok(())
}
