//! `crae attribute`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use attribution_files::{
    Asked, AttributeError, Attributed, Choice, CreditsWriter, JOURNEY_COLUMNS, JourneyTable, Layout,
    PATH_COLUMNS, Source, write_channels, write_transitions,
};
use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use comfy_table::{CellAlignment, LineStyle, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use super::print;

/// How many channels are shown; the files have all of them.
const SHOWN: usize = 20;

#[derive(Debug, Parser)]
#[command(after_help = models())]
pub(crate) struct Args {
    /// Paths with how often they were gone: a CSV or Parquet file with the columns path, conversions, value and nulls
    #[arg(long, value_name = "FILE", required_unless_present = "journeys", conflicts_with = "journeys")]
    paths: Option<PathBuf>,
    /// Journeys: a CSV or Parquet file with the columns id, path, secs_till_conv, conv and value_cents
    #[arg(long, value_name = "FILE")]
    journeys: Option<PathBuf>,
    /// Where channels.csv, transitions.csv and, of journeys, credits.csv are written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A model, such as LINEAR or MARKOV:2; may be given several times
    #[arg(long = "model", value_name = "MODEL", default_values = ["LINEAR", "MARKOV", "SHAPLEY"])]
    models: Vec<Choice>,
    /// A channel by which customers came on their own, for LAST_NON_DIRECT; may be given several times
    #[arg(long = "direct", value_name = "CHANNEL", default_values = ["direct"])]
    direct: Vec<String>,
    /// A channel that was paid for, for FIRST_PAID and LAST_PAID; may be given several times
    #[arg(long = "paid", value_name = "CHANNEL")]
    paid: Vec<String>,
    /// What a column is called in the file, such as path=touchpoints; may be given several times
    #[arg(long = "column", value_name = "COLUMN=NAME", value_parser = column)]
    columns: Vec<(String, String)>,
    /// What stands between fields, one character
    #[arg(long, default_value = ",", value_parser = separator)]
    separator: u8,
    /// What stands between the channels of a path
    #[arg(long, default_value = " > ", value_parser = NonEmptyStringValueParser::new())]
    path_separator: String,
}

fn models() -> String {
    format!("Models: {}", Choice::ALL.join(", "))
}

fn column(text: &str) -> Result<(String, String), String> {
    let (column, name) = text.split_once('=').ok_or("must be as in path=touchpoints")?;
    let known: Vec<&str> = PATH_COLUMNS.into_iter().chain(JOURNEY_COLUMNS).collect();
    if !known.contains(&column) {
        return Err(format!("there is no column {column}, but {}", known.join(", ")));
    }
    Ok((column.to_owned(), name.to_owned()))
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if !matches!(one, b'"' | b'\n' | b'\r') => Ok(*one),
        _ if text == "\\t" => Ok(b'\t'),
        _ => Err("must be one character, such as ; or \\t for a tab".to_owned()),
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AttributeFilesError {
    #[error("{0}")]
    File(PathBuf, #[source] AttributeError),
    #[error("{0} cannot be opened")]
    Unopened(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    #[error("the results cannot be written")]
    Unwritten(#[from] io::Error),
}

pub(crate) fn run(args: &Args) -> Result<(), AttributeFilesError> {
    let out = Out::to(&args.out)?;
    let attributed = match (&args.paths, &args.journeys) {
        (Some(paths), _) => of_paths(args, paths)?,
        (None, Some(journeys)) => of_journeys(args, journeys, &out)?,
        (None, None) => Attributed::default(),
    };
    write_channels(&attributed, out.file("channels.csv")?)?;
    write_transitions(&attributed, out.file("transitions.csv")?)?;
    let written = out.done()?;
    print(&shown(&attributed, &args.models))?;
    for remark in &attributed.remarks {
        print(&format!("{remark}\n"))?;
    }
    Ok(print(&format!("Written: {}\n", written.join(", ")))?)
}

fn of_paths(args: &Args, path: &Path) -> Result<Attributed, AttributeFilesError> {
    let layout = layout(args);
    read(path, &layout, |file, passed| Attributed::of_paths(&asked(args), file, &layout, passed))
}

fn of_journeys(args: &Args, path: &Path, out: &Out<'_>) -> Result<Attributed, AttributeFilesError> {
    let layout = layout(args);
    let table = read(path, &layout, |file, passed| Ok(JourneyTable::read(file, &layout, passed)?))?;
    let mut credits = CreditsWriter::begin(out.file("credits.csv")?)?;
    let attributed = Attributed::of_journeys(&asked(args), &table, |choice, of_choice| {
        credits.write(choice, &table, of_choice).map_err(AttributeFilesError::from)
    })?;
    drop(credits.into_inner()?);
    Ok(attributed)
}

fn asked(args: &Args) -> Asked {
    let [direct, paid] = [&args.direct, &args.paid].map(|channels| channels.iter().cloned().collect());
    Asked { models: args.models.clone(), direct, paid }
}

fn layout(args: &Args) -> Layout {
    Layout {
        separator: args.separator,
        path_separator: args.path_separator.clone(),
        columns: BTreeMap::from_iter(args.columns.iter().cloned()),
    }
}

/// Reads a file, and shows how far it is.
fn read<T>(
    path: &Path,
    layout: &Layout,
    table: impl FnOnce(Source, &mut dyn FnMut(u64)) -> Result<T, AttributeError>,
) -> Result<T, AttributeFilesError> {
    let unopened = |error| AttributeFilesError::Unopened(path.to_owned(), error);
    let file = File::open(path).and_then(|file| Source::open(file, layout)).map_err(unopened)?;
    let style = ProgressStyle::with_template("  Reading  {bar:32} {bytes}/{total_bytes}  {eta}");
    let bar = ProgressBar::new(file.bytes);
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let table = table(file, &mut |passed| bar.set_position(passed));
    bar.finish_and_clear();
    table.map_err(|error| AttributeFilesError::File(path.to_owned(), error))
}

/// Where results go. They stand in a folder of their own until all of them are there; what is not done leaves nothing
/// behind.
struct Out<'a> {
    folder: &'a Path,
    undone: TempDir,
}

impl<'a> Out<'a> {
    fn to(folder: &'a Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder, undone: tempfile::Builder::new().prefix(".attribute").tempdir_in(folder)? })
    }

    fn file(&self, name: &str) -> io::Result<BufWriter<File>> {
        Ok(BufWriter::with_capacity(1 << 20, File::create(self.undone.path().join(name))?))
    }

    fn done(self) -> io::Result<Vec<String>> {
        let mut names: Vec<_> = fs::read_dir(self.undone.path())?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<_>>()?;
        names.sort();
        let place = |name: &OsString| {
            let place = self.folder.join(name);
            fs::rename(self.undone.path().join(name), &place)?;
            Ok(place.display().to_string())
        };
        names.iter().map(place).collect()
    }
}

/// What each channel comes to by each model, the largest first.
fn shown(attributed: &Attributed, models: &[Choice]) -> String {
    let has_value = attributed.channels.iter().any(|row| row.value != 0.0);
    let mut channels: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in &attributed.channels {
        channels.entry(&row.channel).or_default().push(if has_value { row.value } else { row.conversions });
    }
    let mut channels: Vec<_> = channels.into_iter().collect();
    channels.sort_by(|(_, a), (_, b)| b[0].total_cmp(&a[0]));
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    let what = if has_value { "Value by channel" } else { "Conversions by channel" };
    table.set_header([what.to_owned()].into_iter().chain(models.iter().map(|model| model.name.clone())));
    for (channel, of_models) in channels.iter().take(SHOWN) {
        let numbers = of_models.iter().map(|number| format!("{number:.2}"));
        table.add_row([(*channel).to_owned()].into_iter().chain(numbers));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let more = channels.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("and {more} channels more\n") } else { String::new() };
    format!("{}\n{more}", table.trim_fmt())
}
