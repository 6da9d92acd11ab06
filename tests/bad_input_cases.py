"""Wrong uses of the public interface, each with what its message must say.

`python -m tests.bad_input_cases` runs them in a plain interpreter, as a user meets them: no
annotation is checked at run time there.
"""

import json
import re
import sys
import warnings

import jax

from tests import compiling
from tests.bad_input_adex import ADEX_CASES
from tests.bad_input_building import BUILDING_CASES
from tests.bad_input_dynapsim import DYNAPSIM_CASES
from tests.bad_input_events import EVENT_CASES
from tests.bad_input_files import FILE_CASES
from tests.bad_input_idioms import IDIOM_CASES
from tests.bad_input_keys import KEY_CASES
from tests.bad_input_neurons import NEURON_CASES
from tests.bad_input_operands import OPERAND_CASES
from tests.bad_input_parallel import PARALLEL_CASES
from tests.bad_input_parameters import PARAMETER_CASES
from tests.bad_input_rockpool import ROCKPOOL_CASES
from tests.bad_input_runs import RUN_CASES
from tests.bad_input_series import SERIES_CASES
from tests.bad_input_sparse import SPARSE_CASES
from tests.bad_input_timed import TIMED_CASES
from tests.bad_input_training import TRAINING_CASES
from tests.bad_input_units import UNIT_CASES


# name -> (what is done, the error, a pattern for its message)
CASES = (
    RUN_CASES | PARAMETER_CASES | BUILDING_CASES | ADEX_CASES | DYNAPSIM_CASES | EVENT_CASES
    | PARALLEL_CASES | SPARSE_CASES | TIMED_CASES | SERIES_CASES | OPERAND_CASES | NEURON_CASES
    | KEY_CASES | ROCKPOOL_CASES | TRAINING_CASES | IDIOM_CASES | UNIT_CASES | FILE_CASES
)  # fmt: skip


def outcome(name: str) -> str:
    """`""` if the case raises what it should, else what happened instead."""
    call, error, pattern = CASES[name]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*is outside what")
            call()
    except Exception as caught:
        if type(caught) is not error:
            return f"raised {type(caught).__name__}: {caught}"
        # That of a KeyError is in quotes, and the first argument of an OSError is a number.
        message = str(caught if isinstance(caught, OSError) else caught.args[0])
        return "" if re.search(pattern, message, re.DOTALL) else f"said: {message}"
    return "raised nothing"


if __name__ == "__main__":
    compiling.install()
    jax.config.update("jax_traceback_filtering", "off")  # a tenth of the time, and not seen here
    compiling.switch(True, "bad input")  # messages do not depend on how well the compiler does
    json.dump({name: outcome(name) for name in CASES}, sys.stdout)
