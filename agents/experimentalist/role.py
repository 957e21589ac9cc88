"""The Experimentalist: what runs, for how long; does it go on; why did it fail?"""

from __future__ import annotations

from agents.experimentalist.diagnose import diagnose
from agents.experimentalist.form import DIAGNOSIS, SCHEDULE
from agents.experimentalist.rungs import check
from agents.experimentalist.schedule import schedule
from agents.prompts import prompt
from agents.role import Role
from protocol.schedule import DiagnoseRequest, RungCheck, ScheduleRequest
from tools.sizing.tool import SIZE_TRAINING

ROLE = Role(
    name="experimentalist",
    about="schedules jobs, kills lost rungs, retries after diagnosis",
    playbook={ScheduleRequest: schedule, RungCheck: check, DiagnoseRequest: diagnose},
    prompt=prompt("agents.experimentalist"),
    forms={ScheduleRequest: SCHEDULE, DiagnoseRequest: DIAGNOSIS},
    tools=(SIZE_TRAINING,),
)
