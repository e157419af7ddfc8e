//! Million touches per second and core from a file of paths, reading included, and the memory that takes.
//!
//! Run it with `cargo bench -p attribution-files`, on an otherwise quiet machine. Any other way of running it
//! (`cargo test --all-targets`) only shows that it runs.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::error::Error;
use std::fs::{self, File};
use std::time::Instant;

use attribution_files::{Asked, Attributed, Layout};

mod paths;

fn main() -> Result<(), Box<dyn Error>> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (sizes, passes) = if measured { (vec![1_000_000, 10_000_000], 5) } else { (vec![1_000], 1) };
    let folder = tempfile::tempdir()?;
    for size in sizes {
        let file = folder.path().join("paths.csv");
        let touches = paths::write(&file, size)?;
        println!("{size} paths, {touches} touches, {} MB", fs::metadata(&file)?.len() / 1_000_000);
        for models in [
            &["FIRST_TOUCH", "LAST_TOUCH", "LINEAR"][..],
            &["MARKOV:1"],
            &["MARKOV:2"],
            &["MARKOV:3"],
            &["SHAPLEY"],
            &["SHAPLEY_RATE"],
        ] {
            let asked = Asked::of(models.iter().map(|model| model.parse()).collect::<Result<_, _>>()?);
            let mut speeds = Vec::new();
            for _ in 0..passes {
                let start = Instant::now();
                Attributed::of_paths(&asked, File::open(&file)?, &Layout::default(), |_| {})?;
                speeds.push(touches as f64 / start.elapsed().as_secs_f64() / 1e6);
            }
            speeds.sort_by(f64::total_cmp);
            let (name, median, best) = (models.join(", "), speeds[passes / 2], speeds[passes - 1]);
            println!("{name:<36} median {median:>6.1} M touches/s, best {best:>6.1}");
        }
        if let Some(peak) = peak_bytes() {
            println!(
                "at most {:.1} bytes of memory per touch, the whole process",
                peak as f64 / touches as f64
            );
        }
    }
    Ok(())
}

/// The most memory that the process ever held, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1_024)
}
