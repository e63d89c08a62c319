import{B as e,E as t,K as n,L as r,P as i,S as a,T as o,U as s,V as c,W as l,_ as u,a as d,c as f,d as p,f as ee,g as m,i as h,l as g,m as _,o as v,p as y,q as b,s as x,v as S,x as C,y as w,z as T}from"./shared.js";var E={CREATE:`createdAt`,CHECKIN:`checkedInAt`,READY:`readyAt`,CALLBACK:`calledBackAt`,DISCHARGE:`dischargedAt`,REMOVE:`removedAt`};function D(e,t,n){let{at:r,index:i,steps:a,state:o}=e,s=r===null,c=O(e);return b`<section class="panel moment" aria-labelledby="moment-title" aria-busy=${e.waiting}>
    <h2 id="moment-title">${s||c?`Now`:`As it was`}</h2>
    ${k(e,n)}
    <p class="where" role="status">
      ${s?b`After all ${m(e.now?.total??0,`delivery`,`deliveries`)}.`:c?b`The log has no delivery ${r} yet: it ends at ${e.now?.position}. This is after all
              ${m(e.now?.total??0,`delivery`,`deliveries`)}.`:b`After delivery ${r}${i>=0&&a[i]?.position===r?b` <span class="quiet">(${i+1+e.unknown} of ${e.now?.total})</span>`:b` <span class="quiet">(of another appointment)</span>`}.`}
    </p>
    ${o===void 0?b`<p class="quiet">…</p>`:o===null?A(e):j(e,o,t)}
  </section>`}function O({at:e,now:t}){return e!==null&&t!==null&&BigInt(e)>BigInt(t.position)}function k(e,t){let{index:n,steps:r,at:i}=e,a=r.length-1,o=(e,n,r,i)=>b`<button type="button" class="step" title=${e} ?disabled=${i} @click=${()=>t(r)}>
      <span aria-hidden="true">${n}</span><span class="unseen">${e}</span>
    </button>`;return b`<div class="stepper" role="group" aria-label="Step through the deliveries">
    ${o(`First delivery`,`⇤`,0,a<1||n<=0&&i!==null)}
    ${o(`Earlier delivery`,`←`,n-1,n<1)}
    <input
      type="range"
      min="0"
      max=${Math.max(0,a)}
      step="1"
      .value=${String(Math.max(0,n))}
      ?disabled=${a<1}
      aria-label="Delivery"
      aria-valuetext=${i===null?`now`:`delivery ${i}, ${n+1} of ${r.length}`}
      @input=${e=>t(Number(e.target.value))}
    />
    ${o(`Later delivery`,`→`,n+1,i===null)}
    <button type="button" class="step wide" ?disabled=${i===null} @click=${()=>t(a)}>Now</button>
  </div>`}function A(e){let{begins:t,name:r}=e.now?.lifecycle??{begins:[],name:``},i=e.now?.state===null;return b`<p class="status-line"><span class="status" data-status="NONE">No appointment</span></p>
    <p>
      ${i?`No delivery has brought it into being`:`No delivery had brought it into being by then`}: under
      <code>${r}</code> an appointment begins with ${t.length>0?t.map(M):`no event`}.
      ${i?`The timeline tells why each one was not applied.`:n}
    </p>`}function j(e,t,r){let{at:i,index:o}=e,c=i===null?null:e.shown.find(({position:t})=>t===e.steps[o]?.position),l=i===null||O(e)?s.now():c?Date.parse(c.receivedAt):null,d=Date.parse(t.statusSince),f=[t.rescheduleCount>0&&m(t.rescheduleCount,`reschedule`,`reschedules`),t.demographicsUpdateCount>0&&m(t.demographicsUpdateCount,`change of details`,`changes of details`)].filter(e=>e!==!1);return b`<p class="status-line">
      <span class="status" data-status=${t.status}>${w(t.status)}</span>
      ${l===null?n:b`<span class="lasting">for ${u(Math.max(0,l-d))}</span>`}
    </p>
    <p class="quiet">Since ${a(t.statusSince,r)}</p>
    <h3>What stands</h3>
    ${t.standing.length===0?b`<p class="quiet">No step.</p>`:b`<ol class="standing">
          ${t.standing.map(e=>{let i=t[E[e]];return b`<li>
              <span>${S(e)}</span>
              ${i?b`<time class="quiet" datetime=${i} title=${i}>${C(Date.parse(i),r)}</time>`:n}
            </li>`})}
        </ol>`}
    ${f.length>0?b`<p class="quiet">${f.join(`, `)}</p>`:n}`}function M(e,t){return b`${t>0?`, `:``}<code>${e.toLowerCase()}</code>`}function N(e,t,r){let{state:i}=e;return i?b`<section class="panel next" aria-labelledby="next-title">
    <h2 id="next-title">What could come next</h2>
    ${i.allowedEvents.length===0?b`<p class="quiet">Nothing would be applied.</p>`:b`<ul class="allowed">
          ${i.allowedEvents.map(t=>b`<li>
                <button type="button" class="chip" aria-pressed=${e.explained===t} @click=${()=>r(e.explained===t?null:t)}>
                  ${S(t)}
                </button>
              </li>`)}
        </ul>`}
    <label class="field"
      ><span>What would become of</span>
      <select @change=${e=>r(e.target.value||null)}>
        <option value="" ?selected=${e.explained===null}>choose an event</option>
        ${_.map(t=>b`<option value=${t} .selected=${e.explained===t}>${t.toLowerCase()}</option>`)}
      </select></label
    >
    <div class="forecast" role="status">${P(e,t)}</div>
  </section>`:n}function P(e,t){let{explanation:r}=e;if(r===null)return n;if(r===`asking`)return b`<p class="quiet">…</p>`;let{outcome:i,code:o,reason:s,statusAfter:c,letsIn:l,late:u,reconsideredUntil:f}=r;return b`<p>${g(i)} ${o?b`<code>${o}</code>`:n}</p>
    <p>${d(s)}</p>
    <p class="quiet">
      The appointment would be ${w(c)} then.
      ${u?`It would be put before deliveries that have been applied already.`:n}
      ${l.length>0?b`It would let in what waits: ${l.join(`, `)}.`:n}
      ${f?b`It would wait until ${a(f,t)}.`:n}
    </p>`}var F=`fragment State on Appointment {
  status statusSince standing allowedEvents createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt
  rescheduleCount demographicsUpdateCount
}`,I=500;async function L({source:t,id:n},r){let i=`query Appointment($source: String!, $id: ID!) {
    log { projection { position } }
    lifecycle(source: $source) { name rules { eventType appliedFromNone } }
    appointment(source: $source, appointmentId: $id) { ...State }
    deliveries(filter: { source: $source, appointmentId: $id }, first: 0) { totalCount }
  } ${F}`,a=await e(i,{source:t,id:n},r);return{facts:await o(),state:a.appointment,lifecycle:{name:a.lifecycle.name,begins:a.lifecycle.rules.filter(e=>e.appliedFromNone).map(e=>e.eventType)},total:a.deliveries.totalCount??0,position:a.log.projection.position}}async function R(t,n,r){let i=`before`in n,a=i?{last:I,before:n.before}:{first:I,after:n.after},{deliveries:o}=await e(`query Steps($source: String!, $id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { position } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }`,{...t,...a},r),{hasNextPage:s,hasPreviousPage:c}=o.pageInfo;return{steps:o.edges.map(({cursor:e,node:t})=>({position:t.position,cursor:e})),hasMore:i?c:s}}async function z(t,n,r,i){let a=`query Deliveries($source: String!, $id: ID!, $first: Int!, $after: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after) { nodes { ...Delivery } }
  } ${v}`,{deliveries:o}=await e(a,{...t,first:r,after:n},i);return o.nodes}async function B({source:t,id:n},r,i){let a=`query StateAt($source: String!, $id: ID!, $at: Position!) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) { ...State }
  } ${F}`;return(await e(a,{source:t,id:n,at:r},i)).appointment}async function V({source:t,id:n},r,i,a){let{appointment:o}=await e(`query Explain($source: String!, $id: ID!, $eventType: EventType!, $at: Position) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) {
      explain(eventType: $eventType) { outcome code reason late statusAfter letsIn reconsideredUntil }
    }
  }`,{source:t,id:n,eventType:r,at:i},a);return o?.explain??null}function H(e,t,n,i){return r(`subscription Source($source: String!, $after: Position!) {
    deliveries(source: $source, after: $after) { position appointmentId }
  }`,{source:e,after:t},{next:({deliveries:e})=>n(e.position,e.appointmentId),failed:i})}var U=1e4,W=500,G=120,K=3e3,q=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;#l;constructor(e,t){this.now=null,this.steps=[],this.shown=[],this.error=null,this.deaf=null,this.waiting=!1,this.explanation=null,this.explained=null,this.#n=new Map,this.#r=new AbortController,this.#i=new AbortController,this.#a=new AbortController,this.#o=null,this.#s=-1,this.#l=()=>{},this.#e=e,this.#t=t}get at(){return this.#o}get index(){if(this.#o===null)return this.steps.length-1;let e=BigInt(this.#o),[t,n]=[0,this.steps.length];for(;t<n;){let r=t+n>>>1;BigInt(this.steps[r].position)<=e?t=r+1:n=r}return t-1}get page(){return Math.max(0,this.#s)}get pages(){return Math.max(1,Math.ceil(this.steps.length/50))}get state(){return this.#o===null?this.now?.state:this.#n.get(this.#o)}get unknown(){return Math.max(0,(this.now?.total??0)-this.steps.length)}async begin(e){this.#o=e,await this.#_(async t=>{let n=await L(this.#e,t);this.steps=[];let r=null;for(let e=!0;e&&this.steps.length<U;){let{steps:n,hasMore:i}=await R(this.#e,{before:r},t);this.steps=[...n,...this.steps],r=this.steps[0]?.cursor??null,e=i}this.now=n,this.#m(n.position),await this.choose(e)})}end(){this.#r.abort(),this.#i.abort(),this.#a.abort(),clearTimeout(this.#c),this.#l()}async choose(e){this.#o=e,this.#i.abort(),this.#i=new AbortController;let{signal:t}=this.#i;this.waiting=!0,this.#t(),await this.#_(async()=>{let n=this.#u(e,t);await Promise.all([n,this.#f(this.#d(this.index),!1,t)]),t.aborted||(this.waiting=!1,this.explained&&this.explain(this.explained))},t)}async turn(e){await this.#_(t=>this.#f(e,!1,t))}async explain(e){this.explained=e,this.#a.abort(),this.#a=new AbortController;let{signal:t}=this.#a;this.explanation=e?`asking`:null,this.#t(),e&&await this.#_(async()=>{let n=await V(this.#e,e,this.#o,t);t.aborted||(this.explanation=n)},t)}async#u(e,t){if(e===null||this.#n.has(e))return;let n=await B(this.#e,e,t);this.now&&BigInt(e)<=BigInt(this.now.position)?this.#n.set(e,n):this.now&&this.#n.set(e,this.now.state)}#d(e){return Math.max(0,Math.floor(e/50))}async#f(e,t,n){if(e===this.#s&&!t)return;let r=this.steps[e*50-1]?.cursor??null,i=this.steps[e*50],a=r??(this.unknown>0&&i?await this.#p(i,n):null),o=await z(this.#e,a,50,n);n.aborted||(this.#s=e,this.shown=o)}async#p(e,t){let{steps:n}=await R(this.#e,{before:e.cursor},t);return n.at(-1)?.cursor??null}#m(e){this.#l();let t=0;this.#l=H(this.#e.source,e,(e,n)=>{this.deaf=null,t+=1,t===W&&this.#m(e),n===this.#e.id&&this.#h(G)},e=>{this.deaf=e.message,this.#t()})}#h(e){clearTimeout(this.#c),this.#c=setTimeout(()=>void(this.now?this.#g():this.begin(this.#o)),e)}async#g(){await this.#_(async e=>{let t=await L(this.#e,e),n=this.page===this.pages-1;for(let t=!0;t;){let n=this.steps.at(-1),{steps:r,hasMore:i}=await R(this.#e,n?{after:n.cursor}:{before:null},e);this.steps=[...this.steps,...r],t=i&&n!==void 0}this.now=t;for(let e of this.#n.keys())BigInt(e)>BigInt(this.steps.at(-1)?.position??0)&&this.#n.delete(e);await Promise.all([this.#u(this.#o,e),this.#f(n&&this.#o===null?this.pages-1:this.page,!0,e)]),this.waiting=!1,this.#o===null&&this.explained&&this.explain(this.explained)})}async#_(e,t=this.#r.signal){try{await e(t),t.aborted||(this.error=null)}catch(e){if(t.aborted||this.#r.signal.aborted)return;this.error=c(e),e instanceof T&&e.kind===`unreachable`&&this.#h(K)}this.#r.signal.aborted||this.#t()}};function J(e,t,r,i){let{now:a,shown:o,unknown:s}=e,c=a?.facts.isAdmin??!1;return b`<section class="history" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline <span class="amount">${m(a?.total??0,`delivery`,`deliveries`)}</span></h2>
    ${c?n:b`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    ${X(e,i)}
    ${s>0&&e.page===0?b`<p class="quiet">${m(s,`earlier delivery is`,`earlier deliveries are`)} not listed here; GraphQL has them.</p>`:n}
    <ol class="timeline">
      ${h(o,({position:e})=>e,n=>Y(e,n,t,r,c))}
    </ol>
    ${o.length>20?X(e,i):n}
  </section>`}function Y(e,t,r,i,a){let o=e.at!==null&&e.steps[e.index]?.position===t.position,s=e.at!==null&&BigInt(t.position)>BigInt(e.at);return b`<li
    class="delivery ${s?`later`:``}"
    data-outcome=${t.outcome}
    data-position=${t.position}
    aria-current=${o?`step`:n}
  >
    <p class="what">
      <span class="said">${ee(t)}</span> ${g(t.outcome)}
      ${t.code?b`<code>${t.code}</code>`:n}
      ${s?b`<span class="tag">later</span>`:n}
      <a class="to" href=${i(t.position)}
        ><span class="unseen">As it was after </span>delivery ${t.position}</a
      >
    </p>
    <p class="when">${x(t,r)} ${y(t)}</p>
    ${t.reason?b`<p class="reason">${d(t.reason)}</p>`:n}
    ${p(t,i).map(e=>b`<p class="remark">${e}</p>`)}
    ${t.deliveryId?b`<p class="quiet">Sender’s id <code>${t.deliveryId}</code></p>`:n}
    ${f(t,a)}
  </li>`}function X({page:e,pages:t,steps:r,unknown:i},a){if(t<2)return n;let o=e*50+1+i,s=Math.min(r.length,(e+1)*50)+i;return b`<nav class="pager" aria-label="Pages of the timeline">
    <button type="button" ?disabled=${e===0} @click=${()=>a(e-1)}>Earlier</button>
    <span>${o}–${s} of ${r.length+i}</span>
    <button type="button" ?disabled=${e===t-1} @click=${()=>a(e+1)}>Later</button>
  </nav>`}var Z=5e3,Q=150,$=class extends l{static{this.properties={route:{attribute:!1}}}#e=null;#t=``;#n;#r;#i=!1;connectedCallback(){super.connectedCallback(),this.#n=setInterval(()=>this.requestUpdate(),Z),addEventListener(`keydown`,this.#c)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#n),clearTimeout(this.#r),removeEventListener(`keydown`,this.#c),this.#e?.end(),this.#e=null,this.#t=``}willUpdate(e){if(!e.has(`route`)&&this.#e)return;clearTimeout(this.#r);let{source:t=``,id:n=``}=this.route.parts,r=this.route.url.searchParams.get(`at`),i=r!==null&&/^(0|[1-9]\d{0,18})$/.test(r)?r:null;this.#t===`${t}/${n}`&&this.#e?this.#e.at!==i&&this.#e.choose(i):(this.#e?.end(),this.#t=`${t}/${n}`,this.#e=new q({source:t,id:n},()=>this.requestUpdate()),this.#i=i!==null,this.#e.begin(i))}render(){let{source:e=``,id:t=``}=this.route.parts;return b`<div class="page appointment-page">
      <h1 tabindex="-1"><span class="quiet">Appointment</span> ${t}</h1>
      ${this.#a(e)}
    </div>`}#a(e){let r=this.#e;if(!r)return n;let i=r.error?b`<p class="notice" role="alert">${r.error}</p>`:n;if(!r.now)return b`${i}${r.error?n:b`<p class="quiet">Loading…</p>`}`;let{now:a}=r,o=t(a.facts,e),s=b`<p class="meta">
      Source <b>${e}</b> · times in ${o} · lifecycle <code>${a.lifecycle.name}</code>
    </p>`;return a.total===0?b`${s}${i}
        <p class="notice">No delivery of <code>${e}</code> names this appointment.</p>`:b`${s}${i}
      ${r.deaf?b`<p class="notice" role="alert">What arrives now is not shown: ${r.deaf}</p>`:n}
      <div class="appointment">
        <div class="aside">
          ${D(r,o,this.#o)} ${N(r,o,e=>void r.explain(e))}
        </div>
        ${J(r,o,this.#s,e=>void r.turn(e))}
      </div>`}updated(){this.#i&&this.#e?.waiting===!1&&this.#e.now&&(this.#i=!1,matchMedia(`(min-width: 56rem)`).matches&&requestAnimationFrame(()=>this.querySelector(`.timeline [aria-current]`)?.scrollIntoView({block:`nearest`})))}#o=e=>{let t=this.#e;if(!t||t.steps.length===0)return;let n=t.steps[Math.max(0,e)],r=e>=t.steps.length-1||!n?null:n.position;this.#i=!0,t.at!==r&&t.choose(r),clearTimeout(this.#r),this.#r=setTimeout(()=>i({at:r}),Q)};#s=e=>{let t=new URL(this.route.url);return t.searchParams.set(`at`,e),t.pathname+t.search};#c=e=>{let t=this.#e;if(!t?.now||e.defaultPrevented||e.metaKey||e.ctrlKey||e.altKey||e.shiftKey||e.target.closest?.(`input, select, textarea, pre`))return;let n={ArrowLeft:t.index-1,ArrowRight:t.index+1}[e.key];n!==void 0&&(e.preventDefault(),this.#o(n))}};customElements.define(`clockfold-appointment`,$);export{$ as AppointmentPage};