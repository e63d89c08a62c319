import{E as e,F as t,I as n,M as r,P as i,S as a,T as o,a as s,c,d as l,f as u,g as d,i as f,j as p,l as m,n as h,o as g,p as _,r as v,s as y,t as b,u as x,v as S}from"./shared.js";var C={WALK_INS:`Walk-ins whom nobody checks in`,MID_STREAM:`Switched on in mid-stream`,OVERTAKING:`Deliveries overtake each other`};function w({source:e,pattern:t,explanation:r,setting:i}){let a=`[[source]]\nname = "${e}"\n${i}`,o=`advice-${e}-${t}`;return n`<section class="panel advice" aria-labelledby=${o} data-pattern=${t} data-source=${e}>
    <h2 id=${o}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${C[t]} <span class="count">${e}</span>
    </h2>
    <p>${s(r)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${e}">${a}</pre>
      <copy-button .text=${i} .what=${`the setting ${i}`}></copy-button>
    </div>
  </section>`}var T=[`REJECTED`,`UNRECOGNIZED`,`UNREADABLE`],E=[`NOT_CREATED`,`STATUS_NOT_ALLOWED`,`STEP_NOT_DONE`,`STEP_NOT_LAST`,`UNKNOWN_EVENT_TYPE`,`NOT_JSON`,`NOT_AN_OBJECT`,`FIELD_REPEATED`,`APPOINTMENT_ID_MISSING`,`APPOINTMENT_ID_INVALID`,`EVENT_TYPE_MISSING`,`EVENT_TYPE_INVALID`],D=25;async function O({source:e,from:t,to:n},r){let{rejections:i}=await p(`query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`,{source:e,from:A(t),to:A(n)},r);return i}async function k({source:e,outcome:t,code:n,from:r,to:i},a,o){let s=`query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${g}`,c={source:e,outcome:t?[t]:T,code:n?[n]:null,receivedAt:{from:A(r),to:A(i)}},{deliveries:l}=await p(s,{filter:c,last:D,before:a},o),{nodes:u,pageInfo:d}=l;return{deliveries:u.reverse(),older:d.hasPreviousPage?d.startCursor:null}}function A(e){return new Date(e).toISOString()}function j({groups:e},t,r,i){let a=e.filter(({outcome:e,code:n})=>(!t.outcome||e===t.outcome)&&(!t.code||n===t.code)),o=a.reduce((e,t)=>e+t.count,0);return n`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="count">${d(o,`delivery`,`deliveries`)}</span></h2>
    ${a.length===0?n`<p class="notice">Nothing of this kind arrived in this time.</p>`:n`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${a.map(e=>M(e,r,i))}
          </tbody>
        </table>`}
  </section>`}function M(e,t,r){let{source:i,outcome:o,code:c,eventType:l,count:u,firstReceivedAt:d,lastReceivedAt:f,explanation:p}=e;return n`<tr data-code=${c} data-event=${l??``} data-source=${i}>
    <td class="number" data-label="Count">${u.toLocaleString(`en-US`)}</td>
    <td data-label="Source">${i}</td>
    <td class="why">
      <p class="what">
        <b>${l?S(l):o===`UNREADABLE`?`A body that can’t be read`:`An event type that is not known`}</b>
        ${m(o)} <a href=${r({source:i,code:c})}><code>${c}</code><span class="unseen"> of ${i} only</span></a>
      </p>
      <p>${s(p)}</p>
    </td>
    <td class="times" data-label="First and last">${a(d,t)}<br />${a(f,t)}</td>
  </tr>`}function N(e,r,i,a,o){let s=e.flatMap(e=>e.deliveries);return s.length===0?t:n`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="count">newest first</span></h2>
    ${r.isAdmin?t:n`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${f(s,({position:e})=>e,e=>P(e,r,i))}
    </ol>
    ${e.at(-1)?.older?n`<button type="button" class="older" ?disabled=${a} @click=${o}>Show older deliveries</button>`:n`<p class="quiet">These are all.</p>`}
  </section>`}function P(e,r,i){let{source:a,appointmentId:o,position:d,code:f,reason:p}=e,h=o&&`/appointment/${encodeURIComponent(a)}/${encodeURIComponent(o)}`;return n`<li class="panel delivery" data-position=${d} data-outcome=${e.outcome}>
    <p class="what">
      <span class="said">${u(e)}</span> ${m(e.outcome)}
      ${f?n`<code>${f}</code>`:t}
      <span class="to">${a} · delivery ${d}</span>
    </p>
    <p class="when">${y(e,i)} ${o?_(e):t}</p>
    ${p?n`<p class="reason">${s(p)}</p>`:t}
    ${h?l(e,i,e=>`${h}?at=${e}`).map(e=>n`<p class="remark">${e}</p>`):t}
    ${h?n`<p><a href="${h}?at=${d}">Appointment ${o} after it</a></p>`:n`<p class="quiet">It names no appointment.</p>`}
    ${c(e,r.isAdmin)}
  </li>`}var F=36e5,I=class extends i{static{this.properties={route:{attribute:!1}}}#e=null;#t=null;#n=null;#r=null;#i=[];#a=null;#o=!1;#s=new AbortController;disconnectedCallback(){super.disconnectedCallback(),this.#s.abort()}willUpdate(e){e.has(`route`)&&this.#u()}render(){return n`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#e&&this.#n&&this.#t?this.#c(this.#e,this.#n,this.#t):t}
      ${this.#a?n`<p class="notice" role="alert">${this.#a}</p>`:t}
      ${this.#e||this.#a?t:n`<p class="quiet">Loading…</p>`}
    </div>`}#c(r,i,a){let o=e(r,a.source),s=this.#r,c=r.sources.map(({name:e})=>[e,e]);return n`<form class="filters" aria-label="What is shown" @submit=${e=>e.preventDefault()}>
        ${h(i,o)} ${b(`source`,`Source`,`all sources`,c,a.source)}
        ${b(`outcome`,`Outcome`,`all three`,T.map(e=>[e,x(e)]),a.outcome)}
        ${b(`code`,`Code`,`all codes`,E.map(e=>[e,e]),a.code)}
        <button type="button" @click=${()=>void this.#u()} ?disabled=${this.#o}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${o}.${this.#o?` Loading…`:t}</p>
      ${i.error?n`<p class="notice" role="alert">${i.error}</p>`:t}
      ${s?n`${s.advice.map(e=>w(e))} ${j(s,a,o,this.#l)}
            ${N(this.#i,r,o,this.#o,()=>void this.#d())}`:t}`}#l=e=>{let t=new URL(this.route.url);for(let[n,r]of Object.entries(e))t.searchParams.set(n,r);return t.pathname+t.search};async#u(){this.#s.abort(),this.#s=new AbortController;let{signal:t}=this.#s;await this.#f(t,async()=>{let n=this.#e??await o(t),r=e=>this.route.url.searchParams.get(e),i=r(`source`),a=Date.now(),s=v(this.route.url,e(n,i),a,`24h`),c=s.name===`own`?s.to:a+F,l={source:i,outcome:r(`outcome`),code:r(`code`),from:s.from,to:c};if([this.#e,this.#n,this.#t]=[n,s,l],s.error){[this.#r,this.#i]=[null,[]];return}this.requestUpdate();let[u,d]=await Promise.all([O(l,t),k(l,null,t)]);t.aborted||([this.#r,this.#i]=[u,[d]])})}async#d(){let[e,t,{signal:n}]=[this.#i.at(-1)?.older,this.#t,this.#s];!e||!t||this.#o||await this.#f(n,async()=>{let r=await k(t,e,n);n.aborted||(this.#i=[...this.#i,r])})}async#f(e,t){this.#o=!0,this.requestUpdate();try{await t(),e.aborted||(this.#a=null)}catch(t){if(e.aborted)return;this.#a=r(t),[this.#r,this.#i]=[null,[]]}e.aborted||(this.#o=!1,this.requestUpdate())}};customElements.define(`clockfold-rejections`,I);export{I as RejectionsPage};