import{$ as e,B as t,C as n,D as r,G as i,I as a,J as o,O as s,Q as c,U as l,W as u,_ as d,a as f,c as p,f as m,h as ee,i as h,l as g,m as _,o as v,p as y,q as b,s as x,u as S,v as C,w,x as T,y as E}from"./shared.js";var D={CREATE:`createdAt`,CHECKIN:`checkedInAt`,READY:`readyAt`,CALLBACK:`calledBackAt`,DISCHARGE:`dischargedAt`,REMOVE:`removedAt`};function O(t,n,r){let{at:i,index:a,steps:o,state:s}=t,c=i===null,l=k(t);return e`<section class="panel moment" aria-labelledby="moment-title" aria-busy=${t.waiting}>
    <h2 id="moment-title">${c||l?`Now`:`As it was`}</h2>
    ${A(t,r)}
    <p class="where" role="status">
      ${c?e`After all ${d(t.now?.total??0,`delivery`,`deliveries`)}.`:l?e`The log has no delivery ${i} yet: it ends at ${t.now?.position}. This is after all
              ${d(t.now?.total??0,`delivery`,`deliveries`)}.`:e`After delivery ${i}${a>=0&&o[a]?.position===i?e` <span class="quiet">(${a+1+t.unknown} of ${t.now?.total})</span>`:e` <span class="quiet">(of another appointment)</span>`}.`}
    </p>
    ${s===void 0?e`<p class="quiet">…</p>`:s===null?j(t):M(t,s,n)}
  </section>`}function k({at:e,now:t}){return e!==null&&t!==null&&BigInt(e)>BigInt(t.position)}function A(t,n){let{index:r,steps:i,at:a}=t,o=i.length-1,s=(t,r,i,a)=>e`<button type="button" class="step" title=${t} ?disabled=${a} @click=${()=>n(i)}>
      <span aria-hidden="true">${r}</span><span class="unseen">${t}</span>
    </button>`;return e`<div class="stepper" role="group" aria-label="Step through the deliveries">
    ${s(`First delivery`,`⇤`,0,o<1||r<=0&&a!==null)}
    ${s(`Earlier delivery`,`←`,r-1,r<1)}
    <input
      type="range"
      min="0"
      max=${Math.max(0,o)}
      step="1"
      .value=${String(Math.max(0,r))}
      ?disabled=${o<1}
      aria-label="Delivery"
      aria-valuetext=${a===null?`now`:`delivery ${a}, ${r+1} of ${i.length}`}
      @input=${e=>n(Number(e.target.value))}
    />
    ${s(`Later delivery`,`→`,r+1,a===null)}
    <button type="button" class="step wide" ?disabled=${a===null} @click=${()=>n(o)}>Now</button>
  </div>`}function j(t){let{begins:n,name:r}=t.now?.lifecycle??{begins:[],name:``},i=t.now?.state===null;return e`<p class="status-line"><span class="status" data-status="NONE">No appointment</span></p>
    <p>
      ${i?`No delivery has brought it into being`:`No delivery had brought it into being by then`}: under
      <code>${r}</code> an appointment begins with ${n.length>0?n.map(N):`no event`}.
      ${i?`The timeline tells why each one was not applied.`:c}
    </p>`}function M(t,r,i){let{at:a,index:o}=t,s=a===null?null:t.shown.find(({position:e})=>e===t.steps[o]?.position),l=a===null||k(t)?b.now():s?Date.parse(s.receivedAt):null,u=Date.parse(r.statusSince),f=[r.rescheduleCount>0&&d(r.rescheduleCount,`reschedule`,`reschedules`),r.demographicsUpdateCount>0&&d(r.demographicsUpdateCount,`change of details`,`changes of details`)].filter(e=>e!==!1);return e`<p class="status-line">
      <span class="status" data-status=${r.status}>${T(r.status)}</span>
      ${l===null?c:e`<span class="lasting">for ${C(Math.max(0,l-u))}</span>`}
    </p>
    <p class="quiet">Since ${w(r.statusSince,i)}</p>
    <h3>What stands</h3>
    ${r.standing.length===0?e`<p class="quiet">No step.</p>`:e`<ol class="standing">
          ${r.standing.map(t=>{let a=r[D[t]];return e`<li>
              <span>${E(t)}</span>
              ${a?e`<time class="quiet" datetime=${a} title=${a}>${n(Date.parse(a),i)}</time>`:c}
            </li>`})}
        </ol>`}
    ${f.length>0?e`<p class="quiet">${f.join(`, `)}</p>`:c}`}function N(t,n){return e`${n>0?`, `:``}<code>${t.toLowerCase()}</code>`}function P(t,n,r){let{state:i}=t;return i?e`<section class="panel next" aria-labelledby="next-title">
    <h2 id="next-title">What could come next</h2>
    ${i.allowedEvents.length===0?e`<p class="quiet">Nothing would be applied.</p>`:e`<ul class="allowed">
          ${i.allowedEvents.map(n=>e`<li>
                <button type="button" class="chip" aria-pressed=${t.explained===n} @click=${()=>r(t.explained===n?null:n)}>
                  ${E(n)}
                </button>
              </li>`)}
        </ul>`}
    <label class="field"
      ><span>What would become of</span>
      <select @change=${e=>r(e.target.value||null)}>
        <option value="" ?selected=${t.explained===null}>choose an event</option>
        ${ee.map(n=>e`<option value=${n} .selected=${t.explained===n}>${n.toLowerCase()}</option>`)}
      </select></label
    >
    <div class="forecast" role="status">${F(t,n)}</div>
  </section>`:c}function F(t,n){let{explanation:r}=t;if(r===null)return c;if(r===`asking`)return e`<p class="quiet">…</p>`;let{outcome:i,code:a,reason:o,statusAfter:s,letsIn:l,late:u,reconsideredUntil:d}=r;return e`<p>${S(i)} ${a?e`<code>${a}</code>`:c}</p>
    <p>${v(o)}</p>
    <p class="quiet">
      The appointment would be ${T(s)} then.
      ${u?`It would be put before deliveries that have been applied already.`:c}
      ${l.length>0?e`It would let in what waits: ${l.join(`, `)}.`:c}
      ${d?e`It would wait until ${w(d,n)}.`:c}
    </p>`}var I=`fragment State on Appointment {
  status statusSince standing allowedEvents createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt
  rescheduleCount demographicsUpdateCount
}`,L=500;async function R({source:e,id:t},n){let i=`query Appointment($source: String!, $id: ID!) {
    log { projection { position cursor } }
    lifecycle(source: $source) { name rules { eventType appliedFromNone } }
    appointment(source: $source, appointmentId: $id) { ...State }
    deliveries(filter: { source: $source, appointmentId: $id }, first: 0) { totalCount }
  } ${I}`,a=await u(i,{source:e,id:t},n);return{facts:await r(),state:a.appointment,lifecycle:{name:a.lifecycle.name,begins:a.lifecycle.rules.filter(e=>e.appliedFromNone).map(e=>e.eventType)},total:a.deliveries.totalCount??0,...a.log.projection}}async function z(e,t,n){let r=`before`in t,i=r?{last:L,before:t.before}:{first:L,after:t.after},{deliveries:a}=await u(`query Steps($source: String!, $id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { position } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }`,{...e,...i},n),{hasNextPage:o,hasPreviousPage:s}=a.pageInfo;return{steps:a.edges.map(({cursor:e,node:t})=>({position:t.position,cursor:e})),hasMore:r?s:o}}async function B(e,t,n,r){let i=`query Deliveries($source: String!, $id: ID!, $first: Int!, $after: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after) { nodes { ...Delivery } }
  } ${x}`,{deliveries:a}=await u(i,{...e,first:n,after:t},r);return a.nodes}async function V({source:e,id:t},n,r){let i=`query StateAt($source: String!, $id: ID!, $at: Position!) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) { ...State }
  } ${I}`;return(await u(i,{source:e,id:t,at:n},r)).appointment}async function H({source:e,id:t},n,r,i){let{appointment:a}=await u(`query Explain($source: String!, $id: ID!, $eventType: EventType!, $at: Position) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) {
      explain(eventType: $eventType) { outcome code reason late statusAfter letsIn reconsideredUntil }
    }
  }`,{source:e,id:t,eventType:n,at:r},i);return a?.explain??null}function U(e,n,r,i){return t(`subscription Source($source: String!, $after: Cursor!) {
    deliveries(source: $source, after: $after) { cursor appointmentId }
  }`,{source:e,after:n},{next:({deliveries:e})=>r(e.cursor,e.appointmentId),failed:i})}var W=1e4,G=500,K=120,q=2e3,J=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;#l;#u;#d;#f;constructor(e,t){this.now=null,this.steps=[],this.shown=[],this.error=null,this.deaf=null,this.waiting=!1,this.explanation=null,this.explained=null,this.#n=new Map,this.#r=new AbortController,this.#i=new AbortController,this.#a=new AbortController,this.#o=null,this.#s=-1,this.#l=()=>{},this.#d=0,this.#f=0,this.#e=e,this.#t=t}get at(){return this.#o}get index(){if(this.#o===null)return this.steps.length-1;let e=BigInt(this.#o),[t,n]=[0,this.steps.length];for(;t<n;){let r=t+n>>>1;BigInt(this.steps[r].position)<=e?t=r+1:n=r}return t-1}get page(){return Math.max(0,this.#s)}get pages(){return Math.max(1,Math.ceil(this.steps.length/50))}get state(){return this.#o===null?this.now?.state:this.#n.get(this.#o)}get unknown(){return Math.max(0,(this.now?.total??0)-this.steps.length)}async begin(e){this.#o=e,await this.#S(async t=>{let n=await R(this.#e,t);this.steps=[];let r=null;for(let e=!0;e&&this.steps.length<W;){let{steps:n,hasMore:i}=await z(this.#e,{before:r},t);this.steps=[...n,...this.steps],r=this.steps[0]?.cursor??null,e=i}this.now=n,this.#_(n.cursor),await this.choose(e)})}end(){this.#r.abort(),this.#i.abort(),this.#a.abort(),clearTimeout(this.#c),clearTimeout(this.#u),this.#l()}async choose(e){this.#o=e,this.#i.abort(),this.#i=new AbortController;let{signal:t}=this.#i;this.waiting=!0,this.#t(),await this.#S(async()=>{let n=this.#p(e,t);await Promise.all([n,this.#h(this.#m(this.index),!1,t)]),t.aborted||(this.waiting=!1,this.explained&&this.explain(this.explained))},t)}async turn(e){await this.#S(t=>this.#h(e,!1,t))}async explain(e){this.explained=e,this.#a.abort(),this.#a=new AbortController;let{signal:t}=this.#a;this.explanation=e?`asking`:null,this.#t(),e&&await this.#S(async()=>{let n=await H(this.#e,e,this.#o,t);t.aborted||(this.explanation=n)},t)}async#p(e,t){if(e===null||this.#n.has(e))return;let n=await V(this.#e,e,t);this.now&&BigInt(e)<=BigInt(this.now.position)?this.#n.set(e,n):this.now&&this.#n.set(e,this.now.state)}#m(e){return Math.max(0,Math.floor(e/50))}async#h(e,t,n){if(e===this.#s&&!t)return;let r=this.steps[e*50-1]?.cursor??null,i=this.steps[e*50],a=r??(this.unknown>0&&i?await this.#g(i,n):null),o=await B(this.#e,a,50,n);n.aborted||(this.#s=e,this.shown=o)}async#g(e,t){let{steps:n}=await z(this.#e,{before:e.cursor},t);return n.at(-1)?.cursor??null}#_(e){this.#l(),clearTimeout(this.#u);let[t,n]=[0,e];this.#l=U(this.#e.source,e,(e,r)=>{this.#y(),n=e,t+=1,t===G&&this.#_(e),r===this.#e.id&&this.#b(K)},e=>{if(clearTimeout(this.#u),e.code===`ANOTHER_HISTORY`)return this.#v();this.deaf=e.message,e.passes&&(this.#u=setTimeout(()=>this.#_(n),f(this.#f++))),this.#t()}),this.deaf&&(this.#u=setTimeout(()=>this.#y(),q))}#v(){[this.now,this.#s]=[null,-1],this.#n.clear(),this.#b(0)}#y(){this.#f=0,this.deaf!==null&&(this.deaf=null,this.#t())}#b(e){clearTimeout(this.#c),this.#c=setTimeout(()=>void(this.now?this.#x():this.begin(this.#o)),e)}async#x(){await this.#S(async e=>{let t=await R(this.#e,e),n=this.page===this.pages-1;for(let t=!0;t;){let n=this.steps.at(-1),{steps:r,hasMore:i}=await z(this.#e,n?{after:n.cursor}:{before:null},e);this.steps=[...this.steps,...r],t=i&&n!==void 0}this.now=t;for(let e of this.#n.keys())BigInt(e)>BigInt(this.steps.at(-1)?.position??0)&&this.#n.delete(e);await Promise.all([this.#p(this.#o,e),this.#h(n&&this.#o===null?this.pages-1:this.page,!0,e)]),this.waiting=!1,this.explained&&(this.#o===null||this.explanation===`asking`)&&this.explain(this.explained)})}async#S(e,t=this.#r.signal){try{await e(t),t.aborted||([this.error,this.#d]=[null,0])}catch(e){if(t.aborted||this.#r.signal.aborted)return;this.error=i(e),e instanceof l&&e.passes&&this.#b(f(this.#d++))}this.#r.signal.aborted||this.#t()}};function Y(t,n,r,i){let{now:a,shown:o,unknown:s}=t,l=a?.facts.isAdmin??!1;return e`<section class="history" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline <span class="amount">${d(a?.total??0,`delivery`,`deliveries`)}</span></h2>
    ${l?c:e`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    ${Z(t,i)}
    ${s>0&&t.page===0?e`<p class="quiet">${d(s,`earlier delivery is`,`earlier deliveries are`)} not listed here; GraphQL has them.</p>`:c}
    <ol class="timeline">
      ${h(o,({position:e})=>e,e=>X(t,e,n,r,l))}
    </ol>
    ${o.length>20?Z(t,i):c}
  </section>`}function X(t,n,r,i,a){let o=t.at!==null&&t.steps[t.index]?.position===n.position,s=t.at!==null&&BigInt(n.position)>BigInt(t.at);return e`<li
    class="delivery ${s?`later`:``}"
    data-outcome=${n.outcome}
    data-position=${n.position}
    aria-current=${o?`step`:c}
  >
    <p class="what">
      <span class="said">${y(n)}</span> ${S(n.outcome)}
      ${n.code?e`<code>${n.code}</code>`:c}
      ${s?e`<span class="tag">later</span>`:c}
      <a class="to" href=${i(n.position)}
        ><span class="unseen">As it was after </span>delivery ${n.position}</a
      >
    </p>
    <p class="when">${p(n,r)} ${_(n)}</p>
    ${n.reason?e`<p class="reason">${v(n.reason)}</p>`:c}
    ${m(n,i).map(t=>e`<p class="remark">${t}</p>`)}
    ${n.deliveryId?e`<p class="quiet">Sender’s id <code>${n.deliveryId}</code></p>`:c}
    ${g(n,a)}
  </li>`}function Z({page:t,pages:n,steps:r,unknown:i},a){if(n<2)return c;let o=t*50+1+i,s=Math.min(r.length,(t+1)*50)+i;return e`<nav class="pager" aria-label="Pages of the timeline">
    <button type="button" ?disabled=${t===0} @click=${()=>a(t-1)}>Earlier</button>
    <span>${o}–${s} of ${r.length+i}</span>
    <button type="button" ?disabled=${t===n-1} @click=${()=>a(t+1)}>Later</button>
  </nav>`}var Q=5e3,te=150,$=class extends o{static{this.properties={route:{attribute:!1}}}#e=null;#t=``;#n;#r;#i=!1;connectedCallback(){super.connectedCallback(),this.#n=setInterval(()=>this.requestUpdate(),Q),addEventListener(`keydown`,this.#c)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#n),clearTimeout(this.#r),removeEventListener(`keydown`,this.#c),this.#e?.end(),this.#e=null,this.#t=``}willUpdate(e){if(!e.has(`route`)&&this.#e)return;clearTimeout(this.#r);let{source:t=``,id:n=``}=this.route.parts,r=this.route.url.searchParams.get(`at`),i=r!==null&&/^(0|[1-9]\d{0,18})$/.test(r)?r:null;this.#t===`${t}/${n}`&&this.#e?this.#e.at!==i&&this.#e.choose(i):(this.#e?.end(),this.#t=`${t}/${n}`,this.#e=new J({source:t,id:n},()=>this.requestUpdate()),this.#i=i!==null,this.#e.begin(i))}render(){let{source:t=``,id:n=``}=this.route.parts;return e`<div class="page appointment-page">
      <h1 tabindex="-1"><span class="quiet">Appointment</span> ${n}</h1>
      ${this.#a(t)}
    </div>`}#a(t){let n=this.#e;if(!n)return c;let r=n.error?e`<p class="notice" role="alert">${n.error}</p>`:c;if(!n.now)return e`${r}${n.error?c:e`<p class="quiet">Loading…</p>`}`;let{now:i}=n,a=s(i.facts,t),o=e`<p class="meta">
      Source <b>${t}</b> · times in ${a} · lifecycle <code>${i.lifecycle.name}</code>
    </p>`;return i.total===0?e`${o}${r}
        <p class="notice">No delivery of <code>${t}</code> names this appointment.</p>`:e`${o}${r}
      ${n.deaf?e`<p class="notice" role="alert">What arrives now is not shown: ${n.deaf}</p>`:c}
      <div class="appointment">
        <div class="aside">
          ${O(n,a,this.#o)} ${P(n,a,e=>void n.explain(e))}
        </div>
        ${Y(n,a,this.#s,e=>void n.turn(e))}
      </div>`}updated(){this.#i&&this.#e?.waiting===!1&&this.#e.now&&(this.#i=!1,matchMedia(`(min-width: 56rem)`).matches&&requestAnimationFrame(()=>this.querySelector(`.timeline [aria-current]`)?.scrollIntoView({block:`nearest`})))}#o=e=>{let t=this.#e;if(!t||t.steps.length===0)return;let n=t.steps[Math.max(0,e)],r=e>=t.steps.length-1||!n?null:n.position;this.#i=!0,t.at!==r&&t.choose(r),clearTimeout(this.#r),this.#r=setTimeout(()=>a({at:r}),te)};#s=e=>{let t=new URL(this.route.url);return t.searchParams.set(`at`,e),t.pathname+t.search};#c=e=>{let t=this.#e;if(!t?.now||e.defaultPrevented||e.metaKey||e.ctrlKey||e.altKey||e.shiftKey||e.target.closest?.(`input, select, textarea, pre`))return;let n={ArrowLeft:t.index-1,ArrowRight:t.index+1}[e.key];n!==void 0&&(e.preventDefault(),this.#o(n))}};customElements.define(`clockfold-appointment`,$);export{$ as AppointmentPage};