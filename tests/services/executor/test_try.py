from pathlib import Path
from protocol.job import *
import json
async def test_try(run, worker):
    S=Path("tests/services/executor/scripts"); pre=Path("/tmp/prof_prefix.py").read_text(); suf=Path("/tmp/prof_suffix.py").read_text()
    allm=[]
    for name in ("sft.py","grpo.py","../../../../../../tmp/loadds.py"):
        text=(S/name).read_text() if not "tmp" in name else Path("/tmp/loadds.py").read_text()
        job = await run.submit("s.py", id=name.replace("/","_").replace(".","_"), script=pre+text.replace("from __future__","#")+suf)
        end = await run.end(job); print(name, type(end).__name__, end.reason if hasattr(end,"reason") else end)
        for e in await run.events(job, JobMetric): print(e.headline()[:300])
        out=open(job.folder+"/output.log").read()
        if "NEWMODS" in out:
            l=[x for x in out.splitlines() if x.startswith("NEWMODS")][0]
            t=l.split(" ",2); mods=json.loads(t[2]); print(name,t[1],len(mods)); allm+=mods
        else: print(out[-2000:])
    print(sorted(set(allm)))
